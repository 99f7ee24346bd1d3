import Foundation
import LinuxIO
import Support
import Wire

/// `query --to A:P --count N [--text SQL]`: N attempts one after the other, one JSON line each.
func queryRepeatedly(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("to")
    for _ in 0..<arguments.number("count", default: 1) {
        let text = arguments.text("text", default: "select @@hostname")
        printLine(attemptQuery(address: address, port: port, text: text, patience: arguments.number("patience", default: 15)))
    }
}

/// `load --to A:P --clients N [--user NAME] [--text SQL] [--slow MS] [--stale MS] [--pause MS] [--patience S]`: until the end of standard input, then one JSON report.
func runLoad(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("to")
    let generator = LoadGenerator()
    generator.start(
        address: address, port: port, user: arguments.text("user", default: "app"), text: arguments.text("text", default: "select @@hostname"),
        clients: arguments.number("clients", default: 20),
        slowOverMilliseconds: Double(arguments.number("slow", default: 200)), pause: UInt32(arguments.number("pause", default: 20)),
        patience: arguments.number("patience", default: 15), staleOverMilliseconds: Double(arguments.number("stale", default: Int(Int32.max))))
    waitForEndOfInput()
    do { printLine(try generator.stop()) } catch { fail("\(error)") }
}

/// `abandon --to A:P --count N [--greeting yes]`: N connections one after the other that end before a login, every second one by a RST; with `--greeting` after
/// the server's greeting.
func abandon(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("to")
    let target = RawSocketAddress(.ip(IPAddress(address) ?? .anyV4, port: port))
    for number in 0..<arguments.number("count", default: 1) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard target.withPointer({ connect(descriptor, $0, $1) }) == 0 else { fail("connect: \(String(cString: strerror(errno)))") }
        var greeting = [UInt8](repeating: 0, count: 512)
        if arguments.text("greeting", default: "no") == "yes", recv(descriptor, &greeting, greeting.count, 0) <= 0 { fail("no greeting") }
        if !number.isMultiple(of: 2) { Sockets.resetAtClose(descriptor) }
        close(descriptor)
    }
}

/// `sessions --to A:P --clients N [--every MS] [--patience S]`: clients that stay connected and query now and then, until the end of standard input;
/// then one JSON report.
func runSessions(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("to")
    let patience = arguments.number("patience", default: 15)
    let generator = SessionGenerator()
    generator.start(
        address: address, port: port, clients: arguments.number("clients", default: 20), every: arguments.number("every", default: 500), patience: patience)
    waitForEndOfInput()
    do { printLine(try generator.stop(within: Double(patience) + 10)) } catch { fail("\(error)") }
}

/// `storm --to A:P --rate N --seconds S --send probes|garbage|nothing [--seed N]`: connections one after the other, every second one aborted; then one JSON report.
func storm(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("to")
    guard let load = ConnectionStorm.Load(rawValue: arguments.text("send")) else { fail("--send takes probes, garbage or nothing") }
    var storm = ConnectionStorm(address: address, port: port, load: load, seed: UInt64(truncatingIfNeeded: arguments.number("seed", default: 1)))
    printLine(storm.run(perSecond: arguments.number("rate", default: 100), seconds: arguments.number("seconds", default: 3)))
}

/// `watch --to A:P,A:P --names N,N [--text SQL] [--seconds S]`: two clients for each address; one line a second that counts each database's answers.
func watch(_ arguments: Arguments) {
    let names = arguments.text("names").split(separator: ",")
    let targets = arguments.text("to").split(separator: ",")
    let generators = targets.map { target in
        let (address, port) = Arguments(["--to", String(target)]).endpoint("to")
        let generator = LoadGenerator()
        let text = arguments.text("text", default: "select @@hostname")
        generator.start(address: address, port: port, text: text, clients: 2, slowOverMilliseconds: 500, pause: 20)
        return generator
    }
    var before = generators.map { _ in LoadReport() }
    let start = MonotonicMoment.now
    let seconds = arguments.number("seconds", default: Int(Int32.max))
    let isTerminal = isatty(1) == 1
    for second in 1... {
        let next = start + Int64(second) * 1_000_000_000
        while MonotonicMoment.now < next { usleep(5000) }
        var line = "\(second) s"
        for (index, generator) in generators.enumerated() {
            let now = generator.current
            let answers = now.answersByServer.keys.sorted().map { key in
                "\(key) \((now.answersByServer[key] ?? 0) - (before[index].answersByServer[key] ?? 0))"
            }
            line += "  |  \(names[index]): \(answers.joined(separator: ", ")), failed \(now.failures.count - before[index].failures.count)"
            before[index] = now
        }
        let seen = arguments.text("views", default: "")
        if !seen.isEmpty { line += "  |  seen: \(views(at: seen, names: names.map(String.init)))" }
        let text = isTerminal ? "\r\u{1b}[K" + line : line + "\n"
        FileHandle.standardOutput.write(Data(text.utf8))
        if second >= seconds { break }
    }
    let failed = before.reduce(0) { $0 + $1.failures.count }
    let answered = before.reduce(0) { $0 + $1.attempts } - failed
    FileHandle.standardOutput.write(Data("\(isTerminal ? "\n" : "")answered \(answered), failed \(failed)\n".utf8))
}

/// `log-receiver --bind A:P --output FILE`: one line for each datagram: monotonic nanoseconds, a space, the datagram without its line end.
func receiveLogs(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("bind")
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var size: Int32 = 4 << 20
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    guard bindAddress(descriptor, address: address, port: port) else { fail("cannot bind \(address):\(port)") }
    let output = open(arguments.text("output"), O_WRONLY | O_CREAT | O_APPEND, 0o644)
    guard output >= 0 else { fail("cannot write \(arguments.text("output"))") }
    var datagram = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = recv(descriptor, &datagram, datagram.count, 0)
        guard count > 0 else { continue }
        var line = Array("\(MonotonicMoment.now) ".utf8) + datagram.prefix(count)
        if line.last != 10 { line.append(10) }
        _ = write(output, line, line.count)
    }
}

/// `accept --listen A:P`: accepts and closes connections until it is killed; fast enough for thousands of checks a second.
func acceptConnections(_ arguments: Arguments) {
    let (address, port) = arguments.endpoint("listen")
    guard let host = IPAddress(address), let listener = try? listenBlocking(.ip(host, port: port), backlog: 4096) else {
        fail("cannot listen at \(address):\(port)")
    }
    printLine("accepting")
    while true { close(accept(listener, nil, nil)) }
}
