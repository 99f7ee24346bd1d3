import LinuxIO
import Wire

/// One server's checks.
final class CheckSlot {
    let server: ServerReference
    let limits: CheckLimits
    let settings: CheckSettings
    /// The plan for the current address.
    var plan: CheckPlan
    var schedule: CheckSchedule
    var address: SocketAddress?
    var attempt: CheckAttempt?
    /// The only timer: for the next start, or for the attempt's deadline. It may fire too early; then it is set again.
    var timer: (token: TimerToken, at: Instant)?
    /// The handlers of the timer and of the attempt's socket, created once instead of for each check.
    var timerFired: () -> Void = {}
    var socketReady: (Interest) -> Void = { _ in }
    /// For a trial: receives its only verdict.
    let answer: ((Bool) -> Void)?

    init(
        _ server: ServerReference, _ settings: CheckSettings, _ limits: CheckLimits, _ plan: CheckPlan, schedule: CheckSchedule, address: SocketAddress?,
        _ answer: ((Bool) -> Void)? = nil
    ) {
        (self.server, self.settings, self.limits, self.plan) = (server, settings, limits, plan)
        (self.schedule, self.address, self.answer) = (schedule, address, answer)
    }

    /// When the timer must fire unless the attempt's socket has an event first; `nil` for never.
    var deadline: Instant? {
        if let attempt { return attempt.check.deadline.advanced(by: attempt.credit) }
        return address == nil ? nil : schedule.nextStart
    }

    /// The address to check: the server's, with the `addr` and `port` of its line applied, and then those of the check; `nil` without an address or a port.
    func address(of target: CheckTarget) -> SocketAddress? {
        guard let address else { return nil }
        // As in HAProxy, `addr` and `port` do not apply to a program: it gets the server's own address.
        guard !target.isProgram else { return address }
        var host: IPAddress?
        var port: UInt16 = 0
        if case .ip(let ownHost, let ownPort) = address {
            (host, port) = (settings.isAtOtherHost ? settings.address : ownHost, settings.fixedPort ?? ownPort)
        } else if target.address == nil {
            return address
        }
        (host, port) = (target.address ?? host, target.port ?? port)
        guard let host, port > 0 else { return nil }
        return .ip(host, port: port)
    }

    /// The PROXY header to send to a target.
    func header(for target: CheckTarget) -> ProxyHeaderForm? {
        switch target.header {
        case .ofChecks: settings.proxyHeader
        case .always: settings.forcedProxyHeader
        case .none: nil
        }
    }

    /// Why there is no address to check.
    var missingTargetReason: String {
        guard let name = settings.addressName, settings.address == nil else { return "no port to check" }
        return "no address for '\(name)'"
    }
}

/// A check in progress.
final class CheckAttempt {
    let file: OpenFile
    var check: any Check
    var isConnected = false
    /// Where it connects.
    let address: SocketAddress
    /// The PROXY header that precedes the check's bytes.
    let header: ProxyHeaderForm?
    /// True once the server has ended the stream, so that no further read is needed.
    var hasEnded = false
    /// The time that its events have waited for this thread.
    var credit = Duration.zero
    /// When this thread last handled an event of it. No event has waited for longer than since then.
    var lastHandledAt: Instant
    /// Bytes that the kernel has not taken yet.
    var unsent: ArraySlice<UInt8> = []
    /// The events that the socket is watched for.
    var interest = Interest.write

    init(file: OpenFile, check: any Check, address: SocketAddress, header: ProxyHeaderForm?, now: Instant) {
        (self.file, self.check, self.address, self.header, lastHandledAt) = (file, check, address, header, now)
    }
}
