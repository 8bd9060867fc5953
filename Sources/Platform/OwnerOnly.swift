import Glibc

// Files that are the owner's alone, and directories that should be.

extension KernelFileSystem {
  /// Takes every right on the file at `path` away from the group and from others. A file that is not there is no error; a
  /// symbolic link is one (`ELOOP`), since what it names may be anybody's.
  ///
  /// The file is not opened: closing a descriptor ends the locks that this process has on the file through others.
  package static func restrictToOwner(_ path: String) throws(SystemError) {
    var status = stat()
    if unsafe lstat(path, &status) != 0 {
      if errno == ENOENT { return }
      throw SystemError("stat", path, code: errno)
    }
    guard status.st_mode & S_IFMT != S_IFLNK else { throw SystemError("open", path, code: ELOOP) }
    guard status.st_mode & 0o077 != 0 else { return }
    if unsafe fchmodat(AT_FDCWD, path, status.st_mode & 0o700, AT_SYMLINK_NOFOLLOW) != 0 {
      throw SystemError("chmod", path, code: errno)
    }
  }

  /// The mode of the directory at `path`, written as for `chmod`, where any user of the machine may exchange the files in it; nil
  /// where nobody else may. The sticky bit leaves each file to its owner.
  package static func modeIfOpenToAll(_ path: String) -> String? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & 0o002 != 0, status.st_mode & S_ISVTX == 0 else {
      return nil
    }
    return "0" + String(status.st_mode & 0o7777, radix: 8)
  }
}
