import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The control of servers")
struct ServerControlTests {
    private static func control() throws -> ServerControl {
        let text = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nbackend mysql\n server db1 127.0.0.1:1 check fall 1\n"
        return try ServerControl.reading(text)
    }

    private let server = ServerReference(backend: 0, server: 0)

    @Test("passes on an event's effects in order, then the change")
    func order() throws {
        let control = try Self.control()
        var outputs: [String] = []
        control.carryOut = { output in
            switch output {
            case .effect(.log, let subject): outputs.append("log about \(subject)")
            case .effect(.routeChanged, _): outputs.append("route")
            case .effect(let effect, _): outputs.append("\(effect)".prefix { $0 != "(" }.description)
            case .changed(_, let before, let after): outputs.append("\(before.isRunning) -> \(after.isRunning)")
            case .gossipEvent: outputs.append("gossipEvent")
            case .changesEnded: outputs.append("changesEnded")
            }
        }
        control.checkFinished(CheckResult(status: .layer4Timeout, duration: .seconds(1), fault: .noResponse), of: server)
        #expect(outputs.first == "log about mysql/db1" && outputs.last == "true -> false" && outputs.contains("route"), "\(outputs)")
        #expect(!outputs.contains("gossipEvent"), "without gossip no event is passed on")
        outputs = []
        control.endChanges(0)
        #expect(outputs.last == "changesEnded")
    }

    @Test("limits logs only while it handles an event that others have caused, including the events that follow from it")
    func others() throws {
        let control = try Self.control()
        var heeded: [Bool] = []
        control.carryOut = { output in
            guard case .changed(_, _, let after) = output else { return }
            heeded.append(control.isLimitingLogs)
            // An event that follows from a limited one is limited as well.
            if after.weight == 5 { control.apply(.setWeight(6), to: ServerReference(backend: 0, server: 0)) }
        }
        control.limitingLogs { control.apply(.setWeight(5), to: server) }
        control.apply(.setWeight(7), to: server)
        #expect(heeded == [true, true, false])
    }
}
