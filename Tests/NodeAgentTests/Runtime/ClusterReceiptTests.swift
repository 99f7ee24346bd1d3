import Gossip
import Testing
import Wire

@testable import NodeAgent

@Suite("A command for the cluster")
struct ClusterReceiptTests {
    private static let start = Instant(nanoseconds: 7_000_000_000)

    private static func peer(_ name: String, _ state: PeerState = .alive, has: Bool = false) -> PeerReceipt {
        PeerReceipt(name: name, state: state, isAcknowledged: has)
    }

    private static func answer(_ peers: [PeerReceipt], after milliseconds: Int64) -> String? {
        ClusterReceipt(revision: 5, now: start).answer(peers, now: start.advanced(by: .milliseconds(milliseconds)))
    }

    @Test("is answered as soon as all live peers have acknowledged it")
    func answersEarly() {
        #expect(Self.answer([Self.peer("b"), Self.peer("c", has: true)], after: 0) == nil)
        #expect(Self.answer([Self.peer("b"), Self.peer("c", has: true)], after: 199) == nil)
        #expect(Self.answer([Self.peer("b", has: true), Self.peer("c", has: true)], after: 3) == "Acknowledged by b, c.\n")
        #expect(
            Self.answer([Self.peer("b", has: true), Self.peer("c", .dead)], after: 3)
                == "Acknowledged by b. Not yet acknowledged by c (dead): it counts there once they hear this node.\n")
    }

    @Test("is answered after 200 ms in any case, with every peer that has not acknowledged it")
    func answersLate() {
        let peers = [Self.peer("b"), Self.peer("c", .suspect), Self.peer("d", .unknown), Self.peer("e", .left), Self.peer("f", has: true)]
        #expect(Self.answer(peers, after: 199) == nil)
        #expect(
            Self.answer(peers, after: 200)
                == "Acknowledged by f. Not yet acknowledged by b (alive), c (suspect), d (never heard), e (left): it counts there once they hear this node.\n")
    }

    @Test("waits for no peer that is dead or has left")
    func waitsForNobody() {
        #expect(Self.answer([Self.peer("b", .dead)], after: 0) == "Not yet acknowledged by b (dead): it counts there once they hear this node.\n")
    }
}
