import Testing
import Wire

@testable import Proxy

@Suite("Sessions' evidence about a server")
struct SessionEvidenceTests {
    private let start = Instant(nanoseconds: 0)
    private func at(_ seconds: Double) -> Instant { start.advanced(by: .milliseconds(Int64(seconds * 1000))) }

    @Test("holds for a silent server until a check is greeted in time, and is new only once")
    func suspect() {
        var evidence = SessionEvidence(isClearedByChecks: true)
        #expect(evidence.record(.suspect, now: start) == true)
        #expect(evidence.record(.suspect, now: at(0.1)) == false)
        #expect(evidence.skip == .suspect && evidence.deadline == nil)
        #expect(evidence.timePassed(now: at(1000)) == false)
        #expect(evidence.checkPassed(isInTime: false) == false)
        #expect(evidence.skip == .suspect)
        #expect(evidence.checkPassed(isInTime: true) == true)
        #expect(evidence.skip == nil)
        #expect(evidence.checkPassed(isInTime: true) == false)
    }

    @Test("holds for a full server for 1 s, doubling to 8 s, until it passes a check")
    func full() {
        var evidence = SessionEvidence(isClearedByChecks: true)
        var now = start
        for seconds in [1, 2, 4, 8, 8] as [Int64] {
            #expect(evidence.record(.full(1040), now: now) == true)
            #expect(evidence.pause == .seconds(seconds) && evidence.deadline == now.advanced(by: .seconds(seconds)))
            #expect(evidence.timePassed(now: now.advanced(by: .milliseconds(seconds * 1000 - 1))) == false)
            now = now.advanced(by: .seconds(seconds))
            #expect(evidence.timePassed(now: now) == true)
            #expect(evidence.skip == nil)
        }
        #expect(evidence.checkPassed(isInTime: true) == false)
        #expect(evidence.record(.full(1040), now: now) == true)
        #expect(evidence.pause == .seconds(1))
        #expect(evidence.checkPassed(isInTime: false) == true, "it has room again")
        #expect(evidence.skip == nil)
    }

    @Test("expires when no check can clear it, and its duration is forgotten after a quiet time")
    func unproven() {
        var evidence = SessionEvidence(isClearedByChecks: false)
        #expect(evidence.record(.suspect, now: start) == true)
        #expect(evidence.deadline == at(1))
        #expect(evidence.checkPassed(isInTime: true) == false)
        #expect(evidence.skip == .suspect)
        #expect(evidence.timePassed(now: at(1)) == true)
        #expect(evidence.record(.suspect, now: at(2)) == true)
        #expect(evidence.deadline == at(4))
        #expect(evidence.timePassed(now: at(4)) == true)
        #expect(evidence.record(.suspect, now: at(60)) == true)
        #expect(evidence.deadline == at(61))
    }

    @Test("ranks a refused host above silence, and silence does not shorten a full server's time")
    func order() {
        var evidence = SessionEvidence(isClearedByChecks: true)
        #expect(evidence.record(.full(1040), now: start) == true)
        #expect(evidence.record(.suspect, now: start) == false)
        #expect(evidence.skip == .full(1040))
        #expect(evidence.record(.hostRefused(1129), now: start) == true)
        #expect(evidence.skip == .hostRefused(1129) && evidence.deadline == nil)
        #expect(evidence.timePassed(now: at(10)) == false)
    }
}
