import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The state that http-check send-state sends")
struct CheckStateTextTests {
    private func text(_ adjust: (inout ServerStatistics) -> Void) -> String {
        var server = ServerStatistics(name: "s1", identifier: 1)
        server.status = "UP"
        server.address = .ip(.v4(0x7f3d_0001), port: 44_729)
        server.check = CheckStatistics()
        adjust(&server)
        return CheckStateText.text(server, of: CheckStateText.Backend(name: "b60", sessions: 22, weight: 3), node: "vm")
    }

    @Test("is HAProxy's: the status of show stat, the address, the node and the loads")
    func fields() {
        let rest = "; address=127.61.0.1; port=44729; name=b60/s1; node=vm; weight=2/3; scur=13/22; qcur=0"
        #expect(text { ($0.weight, $0.sessions.current) = (2, 13) } == "UP" + rest)
        for (status, shown) in [("UP 2/3", "UP 2/3"), ("DOWN 1/2", "DOWN 1/2"), ("NOLB 1/3", "NOLB 1/3"), ("DRAIN 1/3", "UP 1/3"), ("DRAIN", "UP")] {
            #expect(text { ($0.status, $0.weight, $0.sessions.current) = (status, 2, 13) } == shown + rest, "\(status)")
        }
    }

    @Test("shows a path as unix, and a server in slow start")
    func otherServers() {
        #expect(text { $0.address = .unix("/run/x.sock") }.contains("; address=unix; port=; name="))
        #expect(text { ($0.weight, $0.isWarming, $0.share) = (16, true, 4) }.hasSuffix("; weight=4/3; scur=0/22; qcur=0; throttle=25%"))
    }
}
