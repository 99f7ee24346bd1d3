import Gossip
import LinuxIO
import Testing
import Wire

@testable import NodeAgent

@Suite("A command for the cluster")
struct ClusterAcknowledgementTests {
    private static let start = Instant(nanoseconds: 7_000_000_000)

    private static func peer(_ name: String, _ state: PeerState = .alive, has: Bool = false) -> PeerAcknowledgement {
        PeerAcknowledgement(name: name, state: state, isAcknowledged: has)
    }

    private static func answer(_ peers: [PeerAcknowledgement], after milliseconds: Int64) -> String? {
        ClusterAcknowledgement(revision: 5, now: start).answer(peers, now: start.advanced(by: .milliseconds(milliseconds)))
    }

    @Test("is answered as soon as all live peers have acknowledged it")
    func answersEarly() {
        #expect(Self.answer([Self.peer("b"), Self.peer("c", has: true)], after: 0) == nil)
        #expect(Self.answer([Self.peer("b"), Self.peer("c", has: true)], after: 199) == nil)
        #expect(Self.answer([Self.peer("b", has: true), Self.peer("c", has: true)], after: 3) == "Acknowledged by b, c.\n")
        #expect(
            Self.answer([Self.peer("b", has: true), Self.peer("c", .dead)], after: 3)
                == "Acknowledged by b. Not yet acknowledged by c (dead): takes effect there once they are reached.\n")
    }

    @Test("is answered after 200 ms at the latest, with every peer that has not acknowledged it")
    func answersLate() {
        let peers = [Self.peer("b"), Self.peer("c", .suspect), Self.peer("d", .unknown), Self.peer("e", .left), Self.peer("f", has: true)]
        #expect(Self.answer(peers, after: 199) == nil)
        #expect(
            Self.answer(peers, after: 200)
                == "Acknowledged by f. Not yet acknowledged by b (alive), c (suspect), d (never heard), e (left): takes effect there once they are reached.\n")
    }

    @Test("does not wait for a peer that is dead or has left")
    func waitsForNobody() {
        #expect(Self.answer([Self.peer("b", .dead)], after: 0) == "Not yet acknowledged by b (dead): takes effect there once they are reached.\n")
    }

    @Test("gets an empty answer without 'on cluster' when all peers have it, as in HAProxy")
    func answersNothing() {
        let acknowledgement = ClusterAcknowledgement(revision: 5, isExplicit: false, now: Self.start)
        #expect(acknowledgement.answer([Self.peer("b", has: true)], now: Self.start) == "")
        #expect(acknowledgement.answer([Self.peer("b", .dead)], now: Self.start)?.hasPrefix("Not yet acknowledged by b (dead)") == true)
    }

    @Test("blocks no other connection while it waits, but delays the next command of its line")
    func waits() throws {
        let reactor = try Reactor()
        let target = StubTarget()
        var peers = [Self.peer("b")]
        target.changeAnswer = AnswerText(later: { answer in
            let wait = AcknowledgementWait(ClusterAcknowledgement(revision: 5, now: reactor.now), reactor: reactor, peers: { peers }, answer: answer)
            wait.poll()
            return { wait.cancel() }
        })
        var session = RuntimeSession(level: .admin, timeout: .seconds(10))
        let line = Array("disable server mysql/db1 on cluster;get weight mysql/db1".utf8)
        guard case .pieces(let next) = RuntimeInterpreter(target: target).answer(to: line[...], session: &session) else {
            Issue.record("no pieces")
            return
        }
        guard case .later(let begin)? = next(&session) else {
            Issue.record("not later")
            return
        }
        var answers: [String] = []
        _ = begin {
            answers.append(String(decoding: $0, as: UTF8.self))
            reactor.stop()
        }
        #expect(answers.isEmpty)
        reactor.setTimer(at: reactor.now.advanced(by: .milliseconds(20))) { peers = [Self.peer("b", has: true)] }
        reactor.run()
        #expect(answers == ["Acknowledged by b.\n\n"])
        guard case .bytes(let bytes)? = next(&session) else {
            Issue.record("the second command did not run")
            return
        }
        #expect(String(decoding: bytes, as: UTF8.self) == "10 (initial 10)\n\n")
        if case .some = next(&session) { Issue.record("more than two answers") }
    }

    @Test("ends its wait when the client has closed")
    func isCancelled() throws {
        let reactor = try Reactor()
        var answers = 0
        let wait = AcknowledgementWait(
            ClusterAcknowledgement(revision: 5, now: reactor.now), reactor: reactor, peers: { [Self.peer("b")] }, answer: { _ in answers += 1 })
        wait.poll()
        wait.cancel()
        reactor.setTimer(at: reactor.now.advanced(by: .milliseconds(300))) { reactor.stop() }
        reactor.run()
        #expect(answers == 0)
    }
}
