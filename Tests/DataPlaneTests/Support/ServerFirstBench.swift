import Glibc
import LinuxIO
import Support
import Synchronization
import Testing
import Wire

@testable import Proxy

/// A database's treatment of a connection.
enum Opening: Sendable {
    /// Sends these bytes, then echoes.
    case says([UInt8])
    /// The same in this number of pieces, one every 20 ms.
    case trickles([UInt8], pieces: Int)
    /// Ends at once, in order or with a RST.
    case closes, resets
    /// Sends these bytes and ends.
    case saysAndCloses([UInt8])
    /// Is silent until `TestGate.open`, then greets.
    case waits(TestGate)
    /// Is silent until the gate is open, then ends.
    case waitsAndCloses(TestGate)
    /// Sends these bytes to its first client and ends; greets the others.
    case refusesOnce([UInt8], TestGate)
    /// Greets immediately until the first gate opens; after that, only once the second gate is open.
    case slows(from: TestGate, to: TestGate)
}

/// Opens once.
final class TestGate: Sendable {
    let state = Atomic<Bool>(false)
    var isOpen: Bool { state.load(ordering: .acquiring) }
    func open() { state.store(true, ordering: .releasing) }
    func wait() { while !eventually({ isOpen }) {} }
}

func packet(_ payload: [UInt8]) -> [UInt8] { MySQLPacket(sequence: 0, payload: payload).bytes }

func greeting(_ name: String) -> [UInt8] {
    packet(MySQLGreeting(serverVersion: name, connectionIdentifier: 8, seed: Array(65..<85), capabilities: [.protocol41, .secureConnection]).payload)
}

func error(_ number: UInt16) -> [UInt8] { packet(MySQLErrorPacket(code: number, message: "refused").payload) }

extension RetryReason {
    /// The packet with which a server refuses by this MySQL error.
    init(error number: UInt16) {
        guard let refusal = (0..<ServerRefusal.count).map({ ServerRefusal(index: $0) }).first(where: { $0.number == number }) else {
            fatalError("not a refusal: \(number)")
        }
        self.init(refusal)
    }
}

func database(_ opening: Opening) -> TestServer {
    TestServer { socket in
        switch opening {
        case .slows(let start, let end):
            if start.isOpen { end.wait() }
            socket.send(greeting("slow"))
        case .refusesOnce(let bytes, let gate):
            socket.send(gate.isOpen ? greeting("good") : bytes)
            guard gate.isOpen else { return gate.open() }
        case .waitsAndCloses(let gate): return gate.wait()
        case .says(let bytes): socket.send(bytes)
        case .trickles(let bytes, let pieces):
            let size = (bytes.count + pieces - 1) / pieces
            for start in stride(from: 0, to: bytes.count, by: size) {
                guard socket.send(Array(bytes[start..<min(bytes.count, start + size)])) else { return }
                stallThread(milliseconds: 20)
            }
        case .closes: return
        case .resets: return socket.reset()
        case .saysAndCloses(let bytes):
            socket.send(bytes)
            return
        case .waits(let gate):
            gate.wait()
            socket.send(greeting("late"))
        }
        while let bytes = socket.receive(), !bytes.isEmpty, socket.send(bytes) {}
    }
}

/// True when the client receives the greeting of the server with this name.
func greeted(_ client: TestSocket, _ name: String) -> Bool { client.text(greeting(name).count) == String(decoding: greeting(name), as: UTF8.self) }

/// A greeted client logs in at an echoing server, and both ends close in order.
func expectLogin(_ client: TestSocket, sourceLocation: SourceLocation = #_sourceLocation) {
    client.send("login")
    #expect(client.text(5) == "login", sourceLocation: sourceLocation)
    client.finishSending()
    #expect(client.hasEnded(), sourceLocation: sourceLocation)
}

/// A forwarder in front of databases, with `option mysql-check` of their port.
final class ServerFirstBench {
    let databases: [TestServer]
    let harness: ForwardingHarness
    let gates: [TestGate]

    init(_ openings: [Opening], timeout: Int64 = 150, _ edit: (inout ForwardingHarness.Settings) -> Void = { _ in }) throws {
        databases = openings.map { database($0) }
        gates = openings.compactMap {
            switch $0 {
            case .waits(let gate), .waitsAndCloses(let gate), .slows(from: _, to: let gate): gate
            default: nil
            }
        }
        harness = try ForwardingHarness(databases.map(\.address)) {
            $0.backend.check = .mysql(MySQLCheckSettings())
            $0.backend.greetingTimeout = .milliseconds(timeout)
            for place in $0.backend.servers.indices { $0.backend.servers[place].check = CheckSettings() }
            edit(&$0)
        }
    }

    func left(_ server: Int, _ reason: RetryReason) -> UInt64 { harness.state.retryCount(ServerReference(backend: 0, server: server), for: reason) }

    /// Serves enough sessions with an immediate greeting that a late one is an exception.
    func serveQuickSessions() throws {
        for _ in 0..<200 {
            let client = try harness.connect()
            #expect(client.text(5).utf8.count == 5)
            client.finishSending()
            _ = client.textToEnd()
            _ = try harness.log.session()
        }
    }

    /// Allows sessions to hedge, regardless of the budget used so far: on a slow machine earlier sessions were late as well.
    func renewHedgeBudget() {
        let budget = RetryBudget(percent: 100, freeMax: 10, now: MonotonicClock.now().nanoseconds / 1_000_000)
        harness.state.backendCells[0].pointee.hedgeBudget.withLock { $0 = budget }
    }

    deinit {
        for gate in gates { gate.open() }
        for database in databases { database.stop() }
    }
}
