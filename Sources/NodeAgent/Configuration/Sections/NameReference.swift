import Proxy

/// A reference to a name.
struct NameReference: Equatable, Sendable {
    let name: String
    /// The line's keyword.
    let keyword: String
    let location: ConfigurationLocation
}
