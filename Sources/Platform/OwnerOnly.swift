import Glibc

extension KernelFileSystem {
  /// Takes every right on the file at `path` away from the group and from others. A file that is not there is no error.
  package static func restrictToOwner(_ path: String) throws(SystemError) {
    var status = stat()
    if unsafe stat(path, &status) != 0 {
      if errno == ENOENT { return }
      throw SystemError("stat", path, code: errno)
    }
    guard status.st_mode & 0o077 != 0 else { return }
    if unsafe chmod(path, status.st_mode & 0o700) != 0 { throw SystemError("chmod", path, code: errno) }
  }
}
