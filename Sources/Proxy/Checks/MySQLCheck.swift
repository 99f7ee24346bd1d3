import Wire

/// A check that reads MySQL's greeting and, if a user is configured, logs in.
///
///     connected --greeting--> login sent --any reply but ERR--> finished
///         |                       |
///         +------ ERR, timeout, --+---------------------------> finished
///                 garbage, end
package struct MySQLCheck: Check {
    private enum Stage: Equatable, Sendable {
        case greeting
        case login(serverVersion: String)
    }

    /// The stage, the time limits and the verdict.
    package var progress: CheckProgress
    /// How to close the connection.
    package private(set) var closing = CheckClosing.orderly

    private let settings: MySQLCheckSettings
    /// The limit for the answer to the login; `nil` for the rest of the overall limit.
    private let loginLimit: Duration?
    private var stage = Stage.greeting
    private var packets = MySQLPacketReader(payloadBytesMax: MySQLOpening.payloadBytesMax)

    /// Starts a check whose connect begins now.
    package init(_ settings: MySQLCheckSettings, limits: CheckLimits, now: Instant) {
        (self.settings, loginLimit) = (settings, nil)
        progress = CheckProgress(limits, now: now)
    }

    /// Finishes a handshake on an existing connection.
    ///
    /// - Parameters:
    ///   - limit: the limit for the greeting.
    ///   - loginLimit: the limit for the answer to the login.
    package init(finishing settings: MySQLCheckSettings, within limit: Duration, loginWithin loginLimit: Duration, now: Instant) {
        (self.settings, self.loginLimit) = (settings, loginLimit)
        progress = CheckProgress(CheckLimits(whole: limit), now: now)
        progress.connected(now: now)
    }

    /// True until the server's greeting has arrived.
    package var isAwaitingGreeting: Bool { progress.stage == .connected && stage == .greeting }

    /// Waits for the server's greeting.
    package mutating func connected(now: Instant) -> [CheckOutput] {
        progress.connected(now: now)
        return []
    }

    /// Handles received bytes.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        packets.append(bytes)
        var outputs: [CheckOutput] = []
        do throws(MySQLFramingError) {
            while progress.stage == .connected, let packet = try packets.next() { outputs += take(packet, now: now) }
        } catch {
            return outputs + progress.finish(.layer7InvalidResponse, now: now)
        }
        // A greeting begins with 10, an error with 255. Anything else is garbage and needs no further bytes.
        if isAwaitingGreeting, let first = packets.firstPayloadByte, first != 10, first != 0xff {
            outputs += progress.finish(.layer7InvalidResponse, now: now)
        }
        return outputs
    }

    /// Ends the check because the server has closed its side in order.
    package mutating func ended(now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        return packets.isEmpty ? progress.closedBeforeFirstByte(now: now) : progress.finish(.layer7InvalidResponse, now: now)
    }

    /// Ends the check at its deadline.
    package mutating func timedOut(now: Instant) -> [CheckOutput] {
        // A connection that is reset before the server handles it is not counted. An orderly close would count as an error of this host.
        if isAwaitingGreeting { closing = packets.isEmpty ? .abandoned : .reset }
        return progress.timedOut(now: now)
    }

    private mutating func take(_ packet: MySQLPacket, now: Instant) -> [CheckOutput] {
        if let error = MySQLErrorPacket(payload: packet.payload) { return progress.refused(error, now: now) }
        switch stage {
        case .greeting:
            guard let greeting = try? MySQLGreeting(payload: packet.payload) else { return progress.finish(.layer7InvalidResponse, now: now) }
            progress.greeted(now: now)
            return logIn(serverVersion: greeting.serverVersion, now: now)
        case .login(let serverVersion):
            return [.send(MySQLPacket.quit.bytes)] + progress.finish(.layer7OK, info: serverVersion, now: now)
        }
    }

    /// Continues after a greeting that another reader has consumed.
    package mutating func greeted(now: Instant) -> [CheckOutput] { isAwaitingGreeting ? logIn(serverVersion: "", now: now) : [] }

    private mutating func logIn(serverVersion: String, now: Instant) -> [CheckOutput] {
        guard let user = settings.user else { return progress.finish(.layer7OK, info: serverVersion, now: now) }
        stage = .login(serverVersion: serverVersion)
        if let loginLimit { progress.deadline = now.advanced(by: loginLimit) }
        return [.send((settings.isPre41 ? MySQLLogin.before41(user: user) : MySQLLogin.since41(user: user)).bytes)]
    }
}

extension CheckProgress {
    /// Ends the check because the server has answered with a MySQL error.
    mutating func refused(_ error: MySQLErrorPacket, now: Instant) -> [CheckOutput] {
        finish(.layer7WrongStatus, code: Int(error.code), info: error.text, refusal: CheckRefusal(error), now: now)
    }
}

extension CheckRefusal {
    /// The meaning of a MySQL error beyond the failed check; `nil` if it has no such meaning.
    init?(_ error: MySQLErrorPacket) {
        switch MySQLRefusal(error.code) {
        case .full: self = .full
        case .hostRefused: self = .hostRefused
        case .unable: return nil
        case nil:
            guard error.isAccessDenied else { return nil }
            self = .userRefused
        }
    }
}
