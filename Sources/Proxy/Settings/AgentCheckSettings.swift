/// `agent-check`: a program beside the server reports the server's state, weight and `maxconn`.
package struct AgentCheckSettings: Equatable, Sendable {
    /// `agent-inter` as the interval, and the address and port of the agent: `agent-addr` and `agent-port`, or else `addr` and `port`.
    package var check = CheckSettings()
    /// `agent-send`: the bytes that the agent gets first; empty for none.
    package var request: [UInt8] = []

    /// Creates HAProxy's defaults. One answer counts at once.
    package init() { (check.rise, check.fall) = (1, 1) }
}

extension Server {
    /// The weight that is `percent` of `initial`, at most 256. It is 0 only for 0 %, so that a small share of a small weight does not take a server out.
    package static func weight(percent: Int, of initial: Int) -> Int {
        let share = min(256, initial * min(percent, 25_600) / 100)
        return percent > 0 && initial > 0 ? max(1, share) : share
    }
}
