// The hand of the tester: looks at files and damages them, on the device and in the cache alike, past all counting and
// all faults. A path that names no file is an error of the test and traps.

import Platform

extension SimulatedDisk {
  /// The paths of all files, without a leading slash and sorted, with their sizes in bytes.
  package func files() -> [(path: String, size: Int)] {
    lock.withLock { _ in
      var found: [(path: String, size: Int)] = []
      for (key, directory) in directories {
        for (name, node) in directory.entries {
          if case .file(let inode) = node { found.append((Place.join(key, name), inode.cached.size)) }
        }
      }
      return found.sorted { $0.path < $1.path }
    }
  }

  /// The bytes that observers see at `path`; nil if no file is there.
  package func bytes(of path: String) -> [UInt8]? { lock.withLock { _ in look(path)?.cached.bytes } }

  /// The bytes that the device holds of the file at `path`, whether or not its name survives; nil if no file is there.
  package func durableBytes(of path: String) -> [UInt8]? { lock.withLock { _ in look(path)?.durable.bytes } }

  /// Whether every crash leaves the name `path`, for what it stands for now. Takes the directories above for granted.
  package func isNameDurable(_ path: String) -> Bool {
    lock.withLock { _ in
      guard let inode = look(path) else { return false }
      return inode.home == Self.place(path)
    }
  }

  /// Puts a file at `path`, durable at once, with the directories above it; replaces what is there.
  package func place(_ bytes: [UInt8], at path: String) {
    lock.withLock { _ in put(Self.content(bytes), at: path) }
  }

  /// Turns one bit (0 to 7) of one byte over.
  package func flip(bit: Int, ofByte offset: Int, in path: String) {
    precondition((0..<8).contains(bit) && (0..<size(of: path)).contains(offset))
    edit(path) { content in
      guard offset < content.size else { return }
      var byte: UInt8 = 0
      unsafe withUnsafeMutableBytes(of: &byte) { _ = unsafe content.read(into: $0, at: offset) }
      content.put(Piece(page: offset / Content.pageSize, start: offset % Content.pageSize, bytes: [byte ^ (1 << bit)]))
    }
  }

  /// Writes `bytes` over what is at `offset`; extends the file where needed.
  package func overwrite(_ path: String, at offset: Int, with bytes: [UInt8]) {
    edit(path) { content in
      content.extend(to: offset + bytes.count)
      unsafe bytes.withUnsafeBytes { raw in
        unsafe Content.forEachPiece(of: raw, at: offset) { content.put($0) }
      }
    }
  }

  /// Cuts the file to `size` bytes, or extends it by zeros.
  package func truncate(_ path: String, to size: Int) { edit(path) { $0.truncate(to: size) } }

  /// Takes the file away for good.
  package func delete(_ path: String) {
    lock.withLock { _ in
      let place = Self.place(path)
      let inode = found(path)
      directories[place.directory]!.entries[place.name] = nil
      unlinked(inode)
      DurableTree(directories: directories).unlink(inode)
      forgetEntries(of: inode)
    }
  }

  /// Puts the bytes that observers see at `source` at `path` as well, durable at once: a stale or swapped file.
  package func copy(_ source: String, to path: String) {
    lock.withLock { _ in put(found(source).cached, at: path) }
  }

  private func size(of path: String) -> Int { lock.withLock { _ in found(path).cached.size } }

  private func look(_ path: String) -> Inode? {
    let place = Self.place(path)
    guard case .file(let inode)? = directories[place.directory]?.entries[place.name] else { return nil }
    return inode
  }

  private func found(_ path: String) -> Inode {
    guard let inode = look(path) else { preconditionFailure("no file at \(path)") }
    return inode
  }

  private func edit(_ path: String, _ body: (inout Content) -> Void) {
    lock.withLock { _ in
      let inode = found(path)
      let before = inode.cached.allocated
      body(&inode.cached)
      usedPages += inode.cached.allocated - before
      // While the cache is ahead of the device, what the device does not have yet cannot rot there.
      let isAhead = inode.diverged || changes.contains { $0.dataOwner === inode }
      let size = inode.durable.size
      body(&inode.durable)
      if isAhead, inode.durable.size > size { inode.durable.truncate(to: size) }
    }
  }

  private func put(_ content: Content, at path: String) {
    let place = Self.place(path)
    makeDirectory(place.directory)
    let directory = directories[place.directory]!
    if case .file(let old)? = directory.entries[place.name] {
      unlinked(old)
      DurableTree(directories: directories).unlink(old)
      forgetEntries(of: old)
    }
    let inode = newInode(content)
    usedPages += content.allocated
    directory.entries[place.name] = .file(inode)
    DurableTree(directories: directories).link(inode, at: place)
  }

  /// A durable directory, with all above it.
  private func makeDirectory(_ key: String) {
    guard !key.isEmpty else { return }
    let place = Self.place(key)
    makeDirectory(place.directory)
    if directories[key] == nil { directories[key] = Directory() }
    directories[place.directory]!.entries[place.name] = .directory
    directories[place.directory]!.durable[place.name] = .directory
  }

  private func forgetEntries(of inode: Inode) {
    changes.removeAll { if case .entry(let change) = $0 { change.inode === inode } else { false } }
  }

  private static func content(_ bytes: [UInt8]) -> Content {
    var content = Content()
    content.extend(to: bytes.count)
    unsafe bytes.withUnsafeBytes { raw in
      unsafe Content.forEachPiece(of: raw, at: 0) { content.put($0) }
    }
    return content
  }
}
