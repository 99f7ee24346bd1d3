import Wire

/// What a check does once it is connected.
package enum CheckKind: Equatable, Sendable {
    /// Nothing: a connection is a pass.
    case connect
    /// `option mysql-check`.
    case mysql(MySQLCheckSettings)
}

/// `option mysql-check [user U [pre-41|post-41]]`.
package struct MySQLCheckSettings: Equatable, Sendable {
    /// The user to log in as, with an empty password; `nil` reads the greeting only.
    package var user: String?
    /// True for the login packet of MySQL before 4.1.
    package var isPre41 = false

    /// A check that reads the greeting only.
    package init() {}
}

/// The check settings of one server.
package struct CheckSettings: Equatable, Sendable {
    /// `inter`: between checks of a server in a steady state.
    package var interval = Duration.seconds(2)
    /// `fastinter`: while the state is changing; `nil` for `interval`.
    package var fastInterval: Duration?
    /// `downinter`: while the server is down; `nil` for `interval`.
    package var downInterval: Duration?
    /// `rise`: passes in a row that bring it up, from 1.
    package var rise = 2
    /// `fall`: failures in a row that take it down, from 1.
    package var fall = 3
    /// `port`: where to check; `nil` for the server's own.
    package var port: UInt16?
    /// `addr`: where to check; `nil` for the server's own address, and while the address of `addressName` is unknown.
    package var address: IPAddress?
    /// `addr` as a name; its address at the start is in `address`.
    package var addressName: String?
    /// The PROXY header that checks begin with; `nil` for none.
    package var proxyHeader: ProxyHeaderForm?

    /// HAProxy's defaults.
    package init() {}

    /// True when checks go elsewhere than to the server's own address.
    package var isAtOtherHost: Bool { address != nil || addressName != nil }
}

/// What happens when sessions' connects to a server keep failing: `on-error`.
package enum OnError: Equatable, Sendable {
    /// The next check comes within `fastinter`. The others do that, too.
    case fastInterval
    /// It counts as a failed check.
    case failCheck
    /// It counts as the last but one failed check that it takes.
    case suddenDeath
    /// The server is down.
    case markDown
}

/// `observe layer4`: what sessions' connects tell of a server's health.
package struct ConnectObservation: Equatable, Sendable {
    /// `error-limit`: failed connects in a row that something is done about, from 1.
    package var errorsMax = 10
    /// `on-error`.
    package var reaction = OnError.failCheck

    /// HAProxy's defaults.
    package init() {}

    /// What is to be done after so many failed connects in a row, all threads' together; `nil` for nothing yet.
    package func reaction(toErrorsInRow errors: Int) -> OnError? { errors >= errorsMax ? reaction : nil }

    /// What stands in the log and in `show stat`, HAProxy's words.
    package static func info(errors: Int) -> String { "Detected \(errors) consecutive errors, last one was: L4 unsuccessful connection" }
}
