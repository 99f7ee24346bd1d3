import LinuxIO
import Testing
import Wire

@testable import Proxy

/// The lines that HAProxy 2.6 writes in the same situations were measured; here only the parts that do not depend on times are compared.
@Suite("Log options", .timeLimit(.minutes(5)))
struct ForwardingLogOptionTests {
    private static let early: SessionLogOptions = .early

    /// A client that has exchanged a byte.
    private func session(_ harness: ForwardingHarness) throws -> TestSocket {
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        client.send("x")
        #expect(client.text(1) == "x")
        return client
    }

    /// A line without its frame, the client's port, the time stamp and the times: `front back/s1 #/#/+# +0 -- 1/1/1/1/0 0/0`.
    private static func shape(_ line: String) -> String {
        guard let start = line.range(of: "] front")?.lowerBound else { return line }
        var words = line[line.index(start, offsetBy: 2)...].split(separator: " ").map(String.init)
        guard words.count > 2 else { return line }
        words[2] = words[2].reduce(into: "") { shape, character in
            if !character.isNumber { shape.append(character) } else if shape.last != "#" { shape.append("#") }
        }
        return words.joined(separator: " ")
    }

    @Test("option logasap writes the line at the connect, with + before the time and the bytes, and none at the end")
    func logasap() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.logOptions = Self.early }
        let client = try session(harness)
        let line = harness.log.line()
        #expect(line.hasPrefix("<134>") && Self.shape(line) == "front back/s1 #/#/+# +0 -- 1/1/1/1/0 0/0\n", "\(line)")
        client.reset()
        #expect(harness.isEmptyEventually())
        #expect(harness.log.isSilent())
    }

    @Test("option logasap also marks the lines of sessions that never had a server")
    func logasapRefused() throws {
        let server = TestServer.refusing()
        let harness = try ForwardingHarness([server]) {
            $0.logOptions = [.early, .raisesErrors, .hidesNormal]
            $0.backend.retriesMax = 0
        }
        #expect(try harness.connect().hasEnded())
        var line = harness.log.line()
        #expect(line.hasPrefix("<131>") && Self.shape(line) == "front back/s1 #/-#/+# +0 SC 1/1/0/0/0 0/0\n", "\(line)")
        harness.route(0) { $0.isUsable = false }
        #expect(try harness.connect().hasEnded())
        line = harness.log.line()
        #expect(line.hasPrefix("<131>") && Self.shape(line) == "front back/<NOSRV> -#/-#/+# +0 SC 1/1/0/0/0 0/0\n", "\(line)")
    }

    @Test("option logasap names the client in a PROXY header")
    func logasapHeader() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.logOptions = Self.early
            $0.proxyHeader = .required
        }
        let client = try harness.connect()
        client.send("PROXY TCP4 10.1.2.3 10.0.1.10 40000 3306\r\n")
        #expect(client.text(1) == "A")
        let line = harness.log.line()
        #expect(line.contains(": 10.1.2.3:40000 [") && line.contains(" +0 -- "), "\(line)")
    }

    @Test("option dontlog-normal hides sessions without an error, a retry or a redispatch")
    func dontLogNormal() throws {
        let servers = [TestServer.refusing()]
        let good = TestServer.echo("A")
        defer { good.stop() }
        let harness = try ForwardingHarness(servers + [good.address]) {
            $0.threads = 1
            $0.logOptions = .hidesNormal
        }
        harness.route(0) { $0.isUsable = false }
        let quiet = try session(harness)
        quiet.finishSending()
        #expect(quiet.hasEnded())
        #expect(harness.isEmptyEventually() && harness.log.isSilent())
        // A redispatch.
        harness.route(0) { $0.isUsable = true }
        for _ in 0..<2 {
            let client = try session(harness)
            client.finishSending()
            #expect(client.hasEnded())
        }
        let line = harness.log.line()
        #expect(line.hasPrefix("<134>") && Self.shape(line).hasSuffix(" -- 1/1/0/0/+1 0/0\n"), "\(line)")
        #expect(harness.isEmptyEventually() && harness.log.isSilent())
        let reset = try session(harness)
        reset.reset()
        #expect(try harness.log.flags() == "CD")
    }

    @Test("option logasap with option dontlog-normal writes the line of an aborted session at its end")
    func logasapAndNormal() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.logOptions = [.early, .hidesNormal] }
        let client = try session(harness)
        #expect(harness.log.isSilent())
        client.reset()
        let line = harness.log.line()
        #expect(line.hasPrefix("<134>") && Self.shape(line) == "front back/s1 #/#/+# +2 CD 1/1/0/0/0 0/0\n", "\(line)")
    }

    @Test("option log-separate-errors raises the level of lines about errors only")
    func levels() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.proxyHeader = .optional(from: [])
            $0.logOptions = .raisesErrors
        }
        let normal = try session(harness)
        normal.finishSending()
        #expect(normal.hasEnded())
        #expect(harness.log.line().hasPrefix("<134>"))
        let aborted = try session(harness)
        aborted.reset()
        #expect(harness.log.line().hasPrefix("<131>"))
    }

    @Test("option log-separate-errors raises the level of lines about refused PROXY headers, and option dontlog-normal hides none")
    func refusedHeaders() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.proxyHeader = .required
            $0.logOptions = [.raisesErrors, .hidesNormal]
        }
        let client = try harness.connect()
        client.send("no header at all, but bytes")
        let line = harness.log.line()
        #expect(line.hasPrefix("<131>") && line.hasSuffix("] front/1: \(ProxyHeaderRefusal.absent.rawValue)\n"), "\(line)")
    }

    @Test("change nothing about the default line at accept")
    func connectLine() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.sessionLog = .connect
            $0.logOptions = [.early, .raisesErrors, .hidesNormal]
        }
        let client = try session(harness)
        #expect(harness.log.line().hasPrefix("<134>"))
        client.reset()
        #expect(harness.isEmptyEventually())
        #expect(harness.log.isSilent())
    }
}
