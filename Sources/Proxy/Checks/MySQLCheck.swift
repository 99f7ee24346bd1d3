import Wire

/// A check that reads MySQL's greeting and, with a user, logs in.
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

    /// The time limits and the verdict.
    package var progress: CheckProgress
    /// How the connection is to be closed in the end.
    package private(set) var closing = CheckClosing.orderly

    private let settings: MySQLCheckSettings
    /// What the answer to the login may take; `nil` for what is left of the whole.
    private let loginLimit: Duration?
    private var stage = Stage.greeting
    private var packets = MySQLPacketReader(payloadBytesMax: MySQLOpening.payloadBytesMax)

    /// An attempt whose connect begins now.
    package init(_ settings: MySQLCheckSettings, limits: CheckLimits, now: Instant) {
        (self.settings, loginLimit) = (settings, nil)
        progress = CheckProgress(limits, now: now)
    }

    /// The rest of a handshake that has begun: an attempt on a connection that is there.
    ///
    /// - Parameters:
    ///   - limit: for the greeting.
    ///   - loginLimit: for the answer to the login.
    package init(finishing settings: MySQLCheckSettings, within limit: Duration, loginWithin loginLimit: Duration, now: Instant) {
        (self.settings, self.loginLimit) = (settings, loginLimit)
        progress = CheckProgress(CheckLimits(whole: limit), now: now)
        progress.connected(now: now)
    }

    /// True while the server has not spoken.
    package var isAwaitingGreeting: Bool { progress.stage == .connected && stage == .greeting }

    /// The connection is there: the server speaks first.
    package mutating func connected(now: Instant) -> [CheckOutput] {
        progress.connected(now: now)
        return []
    }

    /// Bytes came.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        packets.append(bytes)
        var outputs: [CheckOutput] = []
        do throws(MySQLFramingError) {
            while progress.stage == .connected, let packet = try packets.next() { outputs += take(packet, now: now) }
        } catch {
            return outputs + progress.finish(.layer7InvalidResponse, now: now)
        }
        // A greeting begins with 10, an error with 255: garbage need not be waited for.
        if isAwaitingGreeting, let first = packets.firstPayloadByte, first != 10, first != 0xff {
            outputs += progress.finish(.layer7InvalidResponse, now: now)
        }
        return outputs
    }

    /// The server has closed its side in order.
    package mutating func ended(now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        return packets.isEmpty ? progress.closedSilently(now: now) : progress.finish(.layer7InvalidResponse, now: now)
    }

    /// `deadline` has passed.
    package mutating func timedOut(now: Instant) -> [CheckOutput] {
        // The server does not count a connection that is reset before it has looked. It would count one that ends in order as an error of this host.
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

    /// The greeting has come, and somebody else has read it.
    package mutating func greeted(now: Instant) -> [CheckOutput] { isAwaitingGreeting ? logIn(serverVersion: "", now: now) : [] }

    private mutating func logIn(serverVersion: String, now: Instant) -> [CheckOutput] {
        guard let user = settings.user else { return progress.finish(.layer7OK, info: serverVersion, now: now) }
        stage = .login(serverVersion: serverVersion)
        if let loginLimit { progress.deadline = now.advanced(by: loginLimit) }
        return [.send((settings.isPre41 ? MySQLLogin.before41(user: user) : MySQLLogin.since41(user: user)).bytes)]
    }
}

extension CheckProgress {
    /// The verdict on a server that has answered with MySQL's error.
    mutating func refused(_ error: MySQLErrorPacket, now: Instant) -> [CheckOutput] {
        finish(.layer7WrongStatus, code: Int(error.code), info: error.text, refusal: CheckRefusal(error), now: now)
    }
}

extension CheckRefusal {
    /// What MySQL's error means for others; `nil` for an error that says nothing more than that the check has failed.
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
