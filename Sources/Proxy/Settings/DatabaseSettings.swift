/// What a proxy's servers are to be.
package enum DatabaseRole: String, CaseIterable, Sendable {
    /// Replicas: read only, replicating, and not too far behind.
    case replica
    /// The one server that takes writes.
    case primary
    /// Either; a replica's lag counts all the same.
    case any
}

/// Where a replica's lag is read.
package enum LagSource: Equatable, Sendable {
    /// From SHOW REPLICA STATUS.
    case replicaStatus
    /// From the column `ts` of this table, "schema.table", that is kept current on the primary.
    case heartbeat(table: String)
}

/// Whether the session with a database is to be TLS.
package enum DatabaseTLSMode: String, CaseIterable, Sendable {
    /// Never.
    case off
    /// When the server offers it. Whoever can change bytes on the way can take the offer away.
    case prefer
    /// Always: a server that does not offer it gets no password.
    case require
}

/// A `database PROXY` section: what the servers of a proxy are asked, and what they have to be.
package struct DatabaseSettings: Equatable, Sendable {
    /// A question of the user's own, and the answer that a fit server gives.
    package struct Query: Equatable, Sendable {
        /// SQL.
        package var text: String
        /// The first column of the first row, as text.
        package var expected: String

        /// A query from its parts.
        package init(text: String, expected: String) { (self.text, self.expected) = (text, expected) }
    }

    /// `discover`: another proxy's servers are the replicas that the writer lists.
    package struct Discovery: Equatable, Sendable {
        /// A reconnecting replica tries again after 60 s: so much longer it is kept.
        package static let holdDefault = Duration.seconds(90)

        /// The other proxy.
        package var proxy: String
        /// How long a server whose checks pass is kept when the writer lists it no more.
        package var hold: Duration

        /// Discovery for `proxy`.
        package init(proxy: String, hold: Duration = holdDefault) { (self.proxy, self.hold) = (proxy, hold) }
    }

    /// A file that a start reads, and the line that names it.
    package struct NamedFile: Equatable, Sendable {
        /// An absolute path.
        package var path: String
        /// Its line.
        package var location: ConfigurationLocation

        /// A file from its path and the line that names it.
        package init(path: String, location: ConfigurationLocation) { (self.path, self.location) = (path, location) }
    }

    /// Who asks.
    package var user: String
    /// Where the password stands; `nil` for an empty password. The password itself is never part of a configuration.
    package var passwordFile: NamedFile?
    /// `tls`.
    package var tls = DatabaseTLSMode.prefer
    /// `ca-file`: whose certificates are believed; `nil` to believe any.
    package var authorityFile: NamedFile?
    /// `role`.
    package var role = DatabaseRole.any
    /// `max-lag`: a replica that lags more is out; `nil` for no limit.
    package var lagMax: Duration?
    /// `lag-source`.
    package var lagSource = LagSource.replicaStatus
    /// `weight-by-lag`: the weight shrinks in quarters while the lag grows to `lagMax`.
    package var isWeightByLag = false
    /// `min-up`: the best so many stay in, whatever their fault.
    package var minUp = 1
    /// `query`.
    package var query: Query?
    /// `discover`.
    package var discovery: Discovery?
    /// Between the checks of a server.
    package var interval = Duration.seconds(1)
    /// Where the section begins.
    package var location: ConfigurationLocation

    /// A section with the defaults.
    package init(user: String, location: ConfigurationLocation) { (self.user, self.location) = (user, location) }
}
