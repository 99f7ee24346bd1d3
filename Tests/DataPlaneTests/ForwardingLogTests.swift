import CLinux
import Glibc
import LinuxIO
import Testing
import Wire

@testable import Proxy

@Suite("Session logs", .timeLimit(.minutes(5)))
struct ForwardingLogTests {
    private func exchange(_ harness: ForwardingHarness) throws {
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        client.send("x")
        #expect(client.text(1) == "x")
        client.finishSending()
        #expect(client.hasEnded())
    }

    @Test("without option tcplog are one line at accept")
    func connectLine() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.sessionLog = .connect }
        let client = try harness.connect()
        let line = harness.log.line()
        let text = "Connect from 127.0.0.1:\(client.localPort) to \(harness.address) (front/TCP)\n"
        #expect(line.hasPrefix("<134>") && line.hasSuffix(" haproxy[\(getpid())]: \(text)"))
        client.close()
        #expect(harness.isEmptyEventually())
        #expect(harness.log.isSilent())
    }

    @Test("with option dontlognull omit sessions without a byte and without an error, and no others")
    func emptySessions() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.hidesEmptySessions = true }
        let scan = try harness.connect()
        #expect(scan.text(1) == "A")
        scan.finishSending()
        #expect(scan.hasEnded())
        try exchange(harness)
        #expect(try harness.log.session().bytes == 2)
        harness.route(0) { $0.isUsable = false }
        #expect(try harness.connect().hasEnded())
        #expect(try harness.log.flags() == "SC")
        // No other line has been written: the last session's line comes next.
        harness.route(0) { $0.isUsable = true }
        try exchange(harness)
        #expect(try harness.log.session().bytes == 2)
    }

    @Test("that no target takes do not block, and are counted", arguments: ["udp", "unix", "pipe", "gone"])
    func deadTargets(kind: String) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        var ends: (Int32, Int32) = (-1, -1)
        _ = withUnsafeMutableBytes(of: &ends) { clinux_pipe($0.assumingMemoryBound(to: Int32.self).baseAddress) }
        _ = fcntl(ends.1, F_SETFL, 0)
        _ = clinux_pipe_resize(ends.1, 4096)
        let receiver = try Sockets.open(.datagram, for: .unix(path))
        if kind == "unix" { try Sockets.bind(receiver.raw, to: .unix(path)) }
        defer {
            remove(path)
            Glibc.close(ends.0)
            Glibc.close(ends.1)
        }
        let place: LogDestination.Place =
            switch kind {
            case "udp": .datagram(.ip(.v4(0x7f00_0001), port: 9))
            case "pipe": .descriptor(ends.1)
            default: .local(try LocalLogSocket(path))
            }
        let harness = try ForwardingHarness([server.address]) {
            $0.otherDestination = place
            $0.threads = 4
        }
        for _ in 0..<700 { try exchange(harness) }
        for _ in 0..<700 {
            let line = try harness.log.session()
            #expect(line.flags == "--", "\(line)")
        }
        // The kernel takes UDP to a closed port; the other targets are full or gone.
        if kind != "udp" { #expect(eventually { harness.droppedLogs > 0 }) }
        #expect(harness.droppedLogs <= 700)
        #expect(kind != "gone" || harness.droppedLogs == 700)
        // This process's access to the pipe has not changed other writers' access.
        #expect(fcntl(ends.1, F_GETFL) & O_NONBLOCK == 0)
    }

    @Test("share a file with its other writers without overwriting")
    func sharedFile() throws {
        let file = try #require(tmpfile())
        defer { fclose(file) }
        let output = LogOutput(fileno(file))
        for text in ["a\n", "b\n"] {
            #expect(Array(text.utf8).withUnsafeBytes { output.transport.write($0) })
            #expect(write(fileno(file), "other\n", 6) == 6)
        }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(fileno(file), &bytes, bytes.count, 0)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "a\nother\nb\nother\n")
    }

    @Test("are cut at their target's length, keep their newline, and omit lines below the target's level")
    func lengthAndLevel() throws {
        let receiver = LogReceiver()
        let location = ConfigurationLocation(file: "test", line: 1)
        var target = LogTarget(endpoint: .unix(""), facility: 16, location: location)
        target.lengthMax = 80
        target.leastSevere = .notice
        target.mostSevere = .warning
        let process = SharedCells<ProcessCell>(count: 1) { _ in ProcessCell() }
        var log = try LogSender(destinations: [LogDestination(target, place: .datagram(receiver.address))], process: process)
        let text = Array(String(repeating: "x", count: 200).utf8)
        let now = WallTime(seconds: 0, microseconds: 0)
        text.withUnsafeBytes {
            log.add(.info, tag: Array("t".utf8), text: $0, to: [0], now: now)
            log.add(.alert, tag: Array("t".utf8), text: $0, to: [0], now: now)
        }
        log.flush()
        let line = receiver.line()
        #expect(line.utf8.count == 81 && line.hasSuffix("x\n") && line.hasPrefix("<132>"))
        #expect(receiver.isSilent())
    }

    @Test("are sent in one piece and in order, even more lines than a batch holds")
    func batches() throws {
        let receiver = LogReceiver()
        let target = LogTarget(endpoint: .unix(""), facility: 16, location: ConfigurationLocation(file: "test", line: 1))
        var raw = LogDestination(target, place: .datagram(receiver.address))
        raw.format = .raw
        let process = SharedCells<ProcessCell>(count: 1) { _ in ProcessCell() }
        var log = try LogSender(destinations: [raw], process: process)
        for number in 0..<600 {
            Array("line \(number)".utf8).withUnsafeBytes { log.add(.info, tag: [], text: $0, to: [0], now: WallTime(seconds: 0, microseconds: 0)) }
        }
        log.flush()
        for number in 0..<600 { #expect(receiver.line() == "line \(number)\n") }
    }
}
