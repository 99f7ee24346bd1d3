import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Statistics of agents and tracked servers")
struct AgentColumnsTests {
    /// The columns of the first server that are not empty, of those that `isWanted` chooses.
    private func columns(_ snapshot: StatisticsSnapshot, _ isWanted: (String) -> Bool) -> [String: String] {
        let fields = snapshot.csv().whole().split(separator: "\n")[2].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let pairs = zip(StatisticsTable.columns.map(\.name), fields).filter { isWanted($0.0) && !$0.1.isEmpty }
        return Dictionary(pairs.map { ($0.0, $0.1) }) { first, _ in first }
    }

    private func isAgents(_ name: String) -> Bool { name.hasPrefix("agent_") || name == "last_agt" }

    private var agent: CheckStatistics {
        var agent = CheckStatistics()
        (agent.status, agent.code, agent.duration, agent.text) = (.layer7WrongStatus, 0, .milliseconds(3), "via agent : down (lag 300s)")
        (agent.rise, agent.fall, agent.health) = (1, 1, 0)
        (agent.port, agent.address) = (7101, .v4(0x7f41_0101))
        return agent
    }

    @Test("have the agent's columns as HAProxy does, and leave them empty without an agent")
    func agents() {
        var snapshot = sampleSnapshot()
        #expect(columns(snapshot, isAgents).isEmpty)
        snapshot.proxies[0].servers[0].agent = agent
        let expected = [
            "last_agt": "via agent : down (lag 300s)", "agent_status": "L7STS", "agent_code": "0", "agent_duration": "3",
            "agent_desc": "Layer7 wrong status", "agent_rise": "1", "agent_fall": "1", "agent_health": "0",
        ]
        #expect(columns(snapshot, isAgents) == expected)
        snapshot.proxies[0].servers[0].administration = .forcedMaintenance
        #expect(columns(snapshot, isAgents) == expected, "the agent is asked during maintenance as well")
        snapshot.proxies[0].servers[0].agent?.isRunning = true
        #expect(columns(snapshot, isAgents)["agent_status"] == "* L7STS")
    }

    @Test("name a status without a word about the server's state, which has no code")
    func checked() {
        var snapshot = sampleSnapshot()
        var checked = agent
        (checked.status, checked.code) = (.checked, nil)
        snapshot.proxies[0].servers[0].agent = checked
        let shown = columns(snapshot, isAgents)
        #expect(shown["agent_status"] == "CHECKED" && shown["agent_desc"] == "No status change" && shown["agent_code"] == nil)
    }

    @Test("name the tracked server")
    func tracked() {
        var snapshot = sampleSnapshot()
        #expect(columns(snapshot) { $0 == "tracked" }.isEmpty)
        snapshot.proxies[0].servers[0].tracked = "mysql/db2"
        #expect(columns(snapshot) { $0 == "tracked" } == ["tracked": "mysql/db2"])
    }

    @Test("list the state and the place of an agent as haproxy 2.6 does")
    func serversState() throws {
        var snapshot = sampleSnapshot()
        func line() throws -> Substring { try #require(snapshot.serversState(backend: "mysql")?.whole()).split(separator: "\n")[2] }
        snapshot.proxies[0].servers[0].agent = agent
        #expect(try line() == "2 mysql 1 db1 127.0.0.1 2 0 1 1 52 15 3 4 6 22 0 0 - 13307 - 0 0 - 127.65.1.1 7101")
        snapshot.proxies[0].servers[0].agent?.isRunning = true
        snapshot.proxies[0].servers[0].agent?.address = nil
        #expect(try line() == "2 mysql 1 db1 127.0.0.1 2 0 1 1 52 15 3 4 6 23 0 0 - 13307 - 0 0 - - 7101")
        snapshot.proxies[0].servers[0].check = nil
        snapshot.proxies[0].servers[0].agent?.isRunning = false
        #expect(try line() == "2 mysql 1 db1 127.0.0.1 2 0 1 1 52 1 0 0 0 22 0 0 - 13307 - 0 0 - - 7101")
    }
}
