import Wire

/// The kind of check.
package enum CheckKind: Equatable, Sendable {
    /// A check that only connects.
    case connect
    /// `option mysql-check`.
    case mysql(MySQLCheckSettings)
    /// `option external-check`, with the backend's `externalProgram`.
    case external
    /// `option tcp-check`, `option httpchk`, and the checks of other protocols.
    case script(CheckScript)
}

/// `option mysql-check [user U [pre-41|post-41]]`.
package struct MySQLCheckSettings: Equatable, Sendable {
    /// The user to log in as, with an empty password; `nil` reads the greeting only.
    package var user: String?
    /// True for the login packet of MySQL before 4.1.
    package var isPre41 = false

    /// Creates a check that reads only the greeting.
    package init() {}
}

/// The check settings of one server.
package struct CheckSettings: Equatable, Sendable {
    /// `inter`: the time between checks of a server in a steady state.
    package var interval = Duration.seconds(2)
    /// `fastinter`: the time while the state is changing; `nil` for `interval`.
    package var fastInterval: Duration?
    /// `downinter`: the time while the server is down; `nil` for `interval`.
    package var downInterval: Duration?
    /// `rise`: passes in a row that bring the server up, at least 1.
    package var rise = 2
    /// `fall`: failures in a row that take the server down, at least 1.
    package var fall = 3
    /// `port`: the port to check; `nil` for the server's port.
    package var port: UInt16?
    /// `addr`: the address to check; `nil` for the server's address, or while `addressName` is unresolved.
    package var address: IPAddress?
    /// `addr` as a name. It is resolved at the start into `address`.
    package var addressName: String?
    /// The port after the address of `addr`; `nil` without one.
    package var addressPort: UInt16?
    /// The PROXY header that checks send first; `nil` for none.
    package var proxyHeader: ProxyHeaderForm?
    /// The PROXY header of a connect with its own `send-proxy`.
    package var forcedProxyHeader = ProxyHeaderForm.text

    /// Creates HAProxy's defaults.
    package init() {}

    /// The port to check: `port` or else that of `addr`; `nil` for the server's port.
    package var fixedPort: UInt16? { port ?? addressPort }

    /// True when `addr` sends checks to another address than the server's.
    package var isAtOtherHost: Bool { address != nil || addressName != nil }
}

/// How checks are spread over time: `spread-checks` and `max-spread-checks`.
package struct CheckSpread: Equatable, Sendable {
    /// `spread-checks`: the most percent by which each interval differs from the configured one, 0 to 50.
    package var percent = 0
    /// `max-spread-checks`: the longest time between the first checks of the first and of the last server; `nil` for no limit.
    package var startMax: Duration?

    /// Creates HAProxy's defaults.
    package init() {}
}

/// The reaction when sessions' connects to a server keep failing: `on-error`.
package enum OnError: Equatable, Sendable {
    /// Checks again within `fastinter`. The other reactions do that as well.
    case fastInterval
    /// Counts as a failed check.
    case failCheck
    /// Leaves the server one failed check away from DOWN.
    case suddenDeath
    /// Takes the server down.
    case markDown
}

/// `observe layer4`: sessions' connects as evidence of a server's health.
package struct ConnectObservation: Equatable, Sendable {
    /// `error-limit`: the number of failed connects in a row that triggers `reaction`, at least 1.
    package var errorsMax = 10
    /// `on-error`.
    package var reaction = OnError.failCheck

    /// Creates HAProxy's defaults.
    package init() {}

    /// The reaction after this many failed connects in a row, over all threads; `nil` below the limit.
    package func reaction(toErrorsInRow errors: Int) -> OnError? { errors >= errorsMax ? reaction : nil }

    /// The info text in the log and in `show stat`, in HAProxy's words.
    package static func info(errors: Int) -> String { "Detected \(errors) consecutive errors, last one was: L4 unsuccessful connection" }
}
