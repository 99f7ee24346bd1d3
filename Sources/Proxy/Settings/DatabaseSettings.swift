/// The role that a proxy's servers must have.
package enum DatabaseRole: String, CaseIterable, Sendable {
    /// A replica: read-only, replicating, and within `max-lag`.
    case replica
    /// The one server that takes writes.
    case primary
    /// Either one. A replica's lag still counts.
    case any
}

/// Where a replica's lag is read from.
package enum LagSource: Equatable, Sendable {
    /// The output of SHOW REPLICA STATUS.
    case replicaStatus
    /// The column `ts` of this table, "schema.table", which is updated regularly on the primary.
    case heartbeat(table: String)
}

/// Whether the session with a database uses TLS.
package enum DatabaseTLSMode: String, CaseIterable, Sendable {
    /// Never.
    case off
    /// Only if the server offers it. An attacker who can change bytes on the way can remove the offer.
    case prefer
    /// Always. A server that does not offer it gets no password.
    case require
}

/// A `database PROXY` section: the queries that a proxy's servers are asked, and the state that they must be in.
package struct DatabaseSettings: Equatable, Sendable {
    /// A custom query and the answer that a fit server gives.
    package struct Query: Equatable, Sendable {
        /// SQL.
        package var text: String
        /// The first column of the first row, as text.
        package var expected: String

        /// Creates a query.
        package init(text: String, expected: String) { (self.text, self.expected) = (text, expected) }
    }

    /// `discover`: the replicas that the writer lists become another proxy's servers.
    package struct Discovery: Equatable, Sendable {
        /// The default of `hold`. A replica that loses its connection reconnects within 60 s.
        package static let holdDefault = Duration.seconds(90)

        /// The proxy whose servers are discovered.
        package var proxy: String
        /// How long a server whose checks pass is kept after the writer has stopped listing it.
        package var hold: Duration

        /// Creates a discovery for `proxy`.
        package init(proxy: String, hold: Duration = holdDefault) { (self.proxy, self.hold) = (proxy, hold) }
    }

    /// A file that is read at the start, and the line that names it.
    package struct NamedFile: Equatable, Sendable {
        /// An absolute path.
        package var path: String
        /// The line that names it.
        package var location: ConfigurationLocation

        /// Creates a reference to a file.
        package init(path: String, location: ConfigurationLocation) { (self.path, self.location) = (path, location) }
    }

    /// The user that logs in.
    package var user: String
    /// The file with the password; `nil` for an empty password. The password itself is never part of a configuration.
    package var passwordFile: NamedFile?
    /// `tls`.
    package var tls = DatabaseTLSMode.prefer
    /// `ca-file`: the trusted authorities; `nil` to trust any certificate.
    package var authorityFile: NamedFile?
    /// `role`.
    package var role = DatabaseRole.any
    /// `max-lag`: a replica with a greater lag is out; `nil` for no limit.
    package var lagMax: Duration?
    /// `lag-source`.
    package var lagSource = LagSource.replicaStatus
    /// `weight-by-lag`: the weight shrinks in quarters as the lag approaches `lagMax`.
    package var reducesWeightByLag = false
    /// `min-up`: this many servers stay in, the best ones first, even if they are unfit.
    package var minUp = 1
    /// `query`.
    package var query: Query?
    /// `discover`.
    package var discovery: Discovery?
    /// The time between checks of a server.
    package var interval = Duration.seconds(1)
    /// The position of the section's first line.
    package var location: ConfigurationLocation

    /// Creates a section with the defaults.
    package init(user: String, location: ConfigurationLocation) { (self.user, self.location) = (user, location) }
}
