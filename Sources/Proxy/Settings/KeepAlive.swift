/// TCP keepalive of one side: when a silent connection is probed, and after how many unanswered probes it is closed.
package struct KeepAlive: Equatable, Sendable, BitwiseCopyable {
    /// `option clitcpka`, `option srvtcpka`, `option tcpka`.
    package var isOn: Bool
    /// `clitcpka-idle`, `srvtcpka-idle`: seconds of silence before the first probe.
    package var idleSeconds: Int
    /// `clitcpka-intvl`, `srvtcpka-intvl`: seconds between unanswered probes.
    package var intervalSeconds: Int
    /// `clitcpka-cnt`, `srvtcpka-cnt`: unanswered probes that end the connection.
    package var probes: Int

    /// The longest time that Linux accepts.
    package static let secondsMax = 32_767
    /// The most probes that Linux accepts.
    package static let probesMax = 127

    /// Creates settings with these times.
    package init(isOn: Bool = true, idleSeconds: Int, intervalSeconds: Int, probes: Int) {
        (self.isOn, self.idleSeconds, self.intervalSeconds, self.probes) = (isOn, idleSeconds, intervalSeconds, probes)
    }

    /// Toward clients: the first probe is sent well before the idle timeout of AWS load balancers, 350 s.
    package static let clients = KeepAlive(idleSeconds: 120, intervalSeconds: 30, probes: 3)
    /// Toward servers: detects a vanished server within seconds.
    package static let servers = KeepAlive(idleSeconds: 10, intervalSeconds: 3, probes: 3)

    /// Off.
    package static let off = KeepAlive(isOn: false, idleSeconds: 0, intervalSeconds: 0, probes: 0)

    /// The seconds until a vanished peer is detected.
    package var secondsToDetect: Int { idleSeconds + intervalSeconds * probes }
}
