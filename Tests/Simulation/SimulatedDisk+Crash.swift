// From the cache to the device: by a sync, by a crash.

extension SimulatedDisk {
  /// The disk that a power cut now would leave: what was synced, and of the rest what `survival` lets through. Shares
  /// its bytes with this one, which stays as it is. The image has no faults and no hook, and the same capacity.
  package func crash(_ survival: Survival) -> SimulatedDisk {
    lock.withLock { _ in
      let image = SimulatedDisk(capacity: limit)
      image.nextInode = nextInode
      var builder = ImageBuilder(source: directories, image: image)
      builder.copyDirectory("")

      var judge = SurvivalJudge(survival)
      let fates = changes.map { judge.fate(of: $0) }
      var chosen = fates.map { $0 != .lost }
      DurableTree.complete(&chosen, of: changes)
      for (change, isChosen) in zip(changes, chosen) where isChosen {
        if case .entry(let change) = change { builder.apply(change) }
      }
      for (change, fate) in zip(changes, fates) where fate != .lost {
        guard let owner = change.dataOwner, let copy = builder.copies[owner.id], copy.home != nil else { continue }
        judge.apply(change, fate, to: &copy.durable)
      }
      builder.finish()
      return image
    }
  }

  /// Brings the changes of `inode` to the device, as far as `survival` lets them through; none is unsynced after that.
  func persistData(of inode: Inode, _ survival: Survival = .everything) {
    var judge = SurvivalJudge(survival)
    var kept = 0
    for index in changes.indices {
      if changes[index].dataOwner === inode {
        judge.apply(changes[index], judge.fate(of: changes[index]), to: &inode.durable)
      } else {
        if kept != index { changes.swapAt(kept, index) }
        kept += 1
      }
    }
    changes.removeLast(changes.count - kept)
    inode.durable.dropTail()
  }

  /// Brings the names in a directory to the device.
  func persistEntries(of directory: String) {
    var chosen = changes.map {
      if case .entry(let change) = $0 { change.owner == directory } else { false }
    }
    guard chosen.contains(true) else { return }
    DurableTree.complete(&chosen, of: changes)
    let tree = DurableTree(directories: directories)
    for (change, isChosen) in zip(changes, chosen) where isChosen {
      guard case .entry(let change) = change else { continue }
      if let inode = change.inode {
        tree.apply(change, to: inode)
      } else if let place = change.to {
        directories[place.directory]?.durable[place.name] = .directory
      }
    }
    var position = -1
    changes.removeAll { change in
      position += 1
      // Nobody can ever see the bytes of a file again that has no name and no handle.
      let isGone = change.dataOwner.map { !$0.linked && $0.handles == 0 && $0.home == nil } ?? false
      return chosen[position] || isGone
    }
  }
}

/// Copies what the device holds onto a fresh disk, and brings changes of names into force there.
private struct ImageBuilder {
  let source: [String: Directory]
  let image: SimulatedDisk
  /// The copied files, by inode number.
  var copies: [Int: Inode] = [:]

  init(source: [String: Directory], image: SimulatedDisk) {
    self.source = source
    self.image = image
  }

  /// Copies a directory as the device has it, with all that is in it.
  mutating func copyDirectory(_ key: String) {
    let copy = key.isEmpty ? image.directories[""]! : Directory()
    image.directories[key] = copy
    for (name, node) in source[key]!.durable {
      switch node {
      case .directory:
        copyDirectory(Place.join(key, name))
        copy.durable[name] = .directory
      case .file(let inode):
        let file = copyFile(inode)
        file.home = Place(directory: key, name: name)
        copy.durable[name] = .file(file)
      }
    }
  }

  private mutating func copyFile(_ inode: Inode) -> Inode {
    if let copy = copies[inode.id] { return copy }
    let copy = Inode(id: inode.id, content: inode.durable)
    copies[inode.id] = copy
    return copy
  }

  /// A change in a directory that is not there has no effect.
  mutating func apply(_ change: EntryChange) {
    if let inode = change.inode {
      if let to = change.to, image.directories[to.directory] == nil { return }
      DurableTree(directories: image.directories).apply(change, to: copyFile(inode))
    } else if let place = change.to, let parent = image.directories[place.directory] {
      copyDirectory(place.path)
      parent.durable[place.name] = .directory
    }
  }

  /// Makes the device's state the one that observers see.
  func finish() {
    for copy in copies.values where copy.home != nil {
      copy.durable.dropTail()
      copy.cached = copy.durable
      image.usedPages += copy.cached.allocated
    }
    for directory in image.directories.values { directory.entries = directory.durable }
  }
}
