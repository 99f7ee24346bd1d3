import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("An agent's word in a process's state")
struct AgentPartsTests {
    private static let row = "2 mysql 1 read01 10.0.0.1 3 0 7 1 52 16 4 4 6 22 0 0 - 3306 - 0 0 - - 7101"
    private static let name = ServerName(backend: "mysql", server: "read01")

    private static func state(_ change: (inout ServerMemory) -> Void) throws -> AgentState {
        var state = AgentState()
        var memory = try #require(ServerStateText.row(row.split(separator: " ")))
        memory.1.hasVerdict = true
        change(&memory.1)
        state.servers[memory.0] = memory.1
        return state
    }

    private static func text(_ state: AgentState) -> String {
        var text = FieldText()
        text.append(AgentState.header)
        StatePart.writeRow(to: &text) { $0.append(row + "\n") }
        state.write(to: &text)
        return text.text
    }

    static let agents: [(agent: AgentStatus, line: String)] = [
        (AgentStatus(isUp: true, lastCheck: nil), "agent mysql read01 up 1 0 0 \n"),
        (
            AgentStatus(
                isUp: false,
                lastCheck: CheckResult(status: .layer7WrongStatus, info: "via agent : down (lag  300s)", duration: .microseconds(1_234))),
            "agent mysql read01 down 17 0 1234 via agent : down (lag  300s)\n"
        ),
        (AgentStatus(isUp: true, lastCheck: CheckResult(status: .checked, duration: .zero)), "agent mysql read01 up 3 0 0 \n"),
    ]

    @Test("is read as it was written", arguments: agents.indices)
    func isRead(index: Int) throws {
        let (agent, line) = Self.agents[index]
        let state = try Self.state { $0.agent = agent }
        #expect(Self.text(state).contains("\n\(line)"))
        #expect(AgentState(Array(Self.text(state).utf8)) == state)
    }

    @Test("includes the limit on sessions, and the configured limit that it replaces")
    func limit() throws {
        let state = try Self.state { ($0.connectionsMax, $0.initialConnectionsMax) = (30, 50) }
        #expect(Self.text(state).contains("\nlimit mysql read01 30 50\n"))
        #expect(AgentState(Array(Self.text(state).utf8)) == state)
        #expect(try !Self.text(Self.state { _ in }).contains("\nlimit "))
    }

    @Test("stays unchanged at a line that is not understood")
    func malformed() throws {
        let state = try Self.state { $0.agent = AgentStatus(isUp: false, lastCheck: nil) }
        for line in [
            "agent mysql read01", "agent mysql read01 maybe 17 0 1 text", "agent mysql read01 up", "agent mysql read01 up 17 0", "agent mysql read09 up 1 0 0 ",
            "limit mysql read01", "limit mysql read01 30", "limit mysql read01 30 50 more", "limit mysql read01 x 50",
        ] {
            #expect(AgentState(Array((Self.text(state) + line + "\n").utf8)) == state, "\(line)")
        }
    }

    @Test("a stopping server is known by its state and its last check together")
    func stopping() throws {
        func isStopping(_ row: String) -> Bool? { ServerStateText.row(row.split(separator: " "))?.1.isStopping }
        #expect(isStopping(Self.row) == true)
        #expect(isStopping("2 mysql 1 read01 10.0.0.1 3 0 7 1 52 15 3 4 6 0 0 0 - 3306 - 0 0 - - 0") == false, "a server that does not fit its role")
        #expect(isStopping("2 mysql 1 read01 10.0.0.1 2 0 7 1 52 16 4 4 6 0 0 0 - 3306 - 0 0 - - 0") == false)
    }
}
