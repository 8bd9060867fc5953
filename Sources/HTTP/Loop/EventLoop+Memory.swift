import Glibc

// What connections hold, told to the budget once a turn; and who goes when it is overrun.

extension EventLoop {
  /// Tells the budget what has changed in this turn, and makes room where it is overrun.
  func accountMemory() {
    let now = blocks.borrowed
    guard now != core.value.reported || budget.excess > 0 else { return }
    budget.move(by: now - core.value.reported)
    core.value.reported = now
    if budget.excess > 0 { shed() }
  }

  /// Cuts the connections that hold most until the rest fits. One whose request is not there yet is answered 503; one that
  /// does not take its answers is reset. Connections that hold nothing stay.
  private func shed() {
    var holders: [(bytes: Int, index: Int)] = []
    for index in 0..<core.value.highWater where slab[index].descriptor >= 0 && !slab[index].isDead {
      let bytes = held(index)
      if bytes > 0 { holders.append((bytes, index)) }
    }
    holders.sort { $0.bytes > $1.bytes }
    var excess = budget.excess
    for (bytes, index) in holders where excess > 0 {
      excess -= bytes
      core.value.statistics.shed += 1
      if !slab[index].isLast, slab[index].output.count == 0, slab[index].inFlight == (slab[index].isStreaming ? 1 : 0) {
        reject(index, 503)
      } else {
        slab[index].isDead = true
      }
      touch(index)
    }
    settleTouched()
    budget.move(by: blocks.borrowed - core.value.reported)
    core.value.reported = blocks.borrowed
  }

  /// Bytes of memory that connection `index` has.
  private func held(_ index: Int) -> Int { slab[index].input.held + slab[index].output.held + parkedBytes(index) }

  /// Memory of the answers of `index` whose turn has not come.
  func parkedBytes(_ index: Int) -> Int {
    var sum = 0
    var answer = unsafe slab[index].parked
    while let found = unsafe answer {
      unsafe sum += found.pointee.output.held
      unsafe answer = found.pointee.next
    }
    return sum
  }
}
