// Names and files of a simulated disk, each in two states: what observers see now and what the device holds for good.
// Between the two lies one list of changes in the order they were made. A file has at most one durable name.

/// Where an entry stands: a directory by its normalised path, and a name in it.
struct Place: Equatable {
  let directory: String
  let name: String

  var path: String { Place.join(directory, name) }

  static func join(_ directory: String, _ name: String) -> String {
    directory.isEmpty ? name : "\(directory)/\(name)"
  }
}

/// One file.
final class Inode {
  let id: Int
  /// What reads and writes see.
  var cached: Content
  /// What survives every crash.
  var durable: Content
  /// Where the device has it, if it has a name there.
  var home: Place?
  /// Whether observers see a name for it.
  var linked = true
  /// Open handles.
  var handles = 0
  /// Whether a failed sync left bytes in the cache that no unsynced change will bring to the device.
  var diverged = false

  init(id: Int, content: Content = Content()) {
    self.id = id
    cached = content
    durable = content
  }
}

/// What a name stands for.
enum Node {
  case file(Inode)
  case directory
}

/// One directory. It cannot be removed or renamed: nothing in the `FileSystem` protocol does.
final class Directory {
  var entries: [String: Node] = [:]
  var durable: [String: Node] = [:]
}

/// A change of names: a creation has only `to`, an unlink only `from`, a rename both; a new directory has no file.
struct EntryChange {
  var inode: Inode?
  var from: Place?
  var to: Place?

  /// The directory whose sync makes the change durable: for a rename that of the new name.
  var owner: String { (to ?? from!).directory }
}

/// What happened since the last sync that covered it.
enum Change {
  /// Bytes were written; `continued` if the piece belongs to the same call as the one before.
  case write(Inode, Piece, continued: Bool)
  /// The file grew, by a hole.
  case size(Inode, Int)
  /// The file grew, by space that was reserved.
  case reserve(Inode, Int)
  indirect case entry(EntryChange)

  /// The file whose sync makes the change durable.
  var dataOwner: Inode? {
    switch self {
    case .write(let inode, _, _), .size(let inode, _), .reserve(let inode, _): inode
    case .entry: nil
    }
  }
}

/// What the device holds: the names, and how a change of names comes into force there.
struct DurableTree {
  var directories: [String: Directory]

  /// Gives `inode` its durable name `place`, taking every other away; what had that name loses it.
  func link(_ inode: Inode, at place: Place) {
    guard let directory = directories[place.directory] else { return }
    unlink(inode)
    if case .file(let old)? = directory.durable[place.name] { old.home = nil }
    directory.durable[place.name] = .file(inode)
    inode.home = place
  }

  /// Takes the durable name of `inode` away, if it has one.
  func unlink(_ inode: Inode) {
    guard let home = inode.home else { return }
    directories[home.directory]?.durable[home.name] = nil
    inode.home = nil
  }

  /// Brings `change` into force for `inode`, its file. An unlink of a name that the device never gave to the file has
  /// no effect.
  func apply(_ change: EntryChange, to inode: Inode) {
    if let to = change.to {
      link(inode, at: to)
    } else if inode.home == change.from {
      unlink(inode)
    }
  }

  /// Completes a choice of `changes` so that it makes sense as a state of the names. A chosen change brings with it:
  ///   - the earlier changes of the same file's name;
  ///   - the earlier changes of the name it takes; and where one is a rename by which another file left that name, the
  ///     directories that this file went to: else it would have no name at all.
  static func complete(_ chosen: inout [Bool], of changes: [Change]) {
    let entries = changes.enumerated().compactMap { position, change in
      if case .entry(let entry) = change { (position: position, change: entry) } else { nil }
    }
    var isComplete = false
    func choose(_ position: Int) {
      if !chosen[position] {
        chosen[position] = true
        isComplete = false
      }
    }
    while !isComplete {
      isComplete = true
      for (index, later) in entries.enumerated() where chosen[later.position] {
        guard let inode = later.change.inode else { continue }
        for earlier in entries[..<index] {
          if earlier.change.inode === inode {
            choose(earlier.position)
          } else if let name = later.change.to, earlier.change.to == name || earlier.change.from == name {
            choose(earlier.position)
            guard earlier.change.from == name, let refuge = earlier.change.to?.directory else { continue }
            for above in entries[..<index] {
              guard above.change.inode == nil, let made = above.change.to?.path else { continue }
              if refuge == made || refuge.hasPrefix(made + "/") { choose(above.position) }
            }
          }
        }
      }
    }
  }
}
