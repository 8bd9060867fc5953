import Demo
import Glibc
import Service
import CPlatform
import Platform
enum SmokeMain {
  static func run() {
    let a = CommandLine.arguments
    if a.count > 1, a[1] == "demo" {
      var o = DemoOptions(seed: 42)
      if a.count > 2 { o.clicks = Int(a[2])!; o.rate = Double(a[3])!; o.kills = Int(a[4])! }
      do {
        let d = try Demo(o) { print($0) }
        let r = try d.run()
        for l in r.report.lines { print(l) }
        print(
          "rows \(r.rows) clicks \(r.clicks) kills \(r.kills) slowest \(r.slowestRestart)", r.differences.prefix(20))
        print(d.server.lastWords)
        d.server.stop()
      } catch { print("failed: \(error)") }
      return
    }
    var s = ServeSettings()
    var i = 2
    while i < a.count {
      switch a[i] {
      case "--data-dir": s.dataDirectory = a[i + 1]; i += 1
      case "--listen": s.listen = a[i + 1]; i += 1
      case "--admin-listen": s.adminListen = a[i + 1]; i += 1
      case "--verdict-header": s.verdictHeader = true
      default: break
      }
      i += 1
    }
    let fd = tally_signal_fd(1 << 15 | 1 << 2)
    let server = Server(s) { print($0) }
    do { try server.start() } catch { print("cannot start: \(error)"); exit(1) }
    print(
      "listening on \(server.publicAddress) admin \(server.adminAddress) notes \(server.notes) recovery \(server.recovery)"
    )
    var p = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    while unsafe poll(&p, 1, 1000) <= 0 {}
    server.stop()
  }
}
