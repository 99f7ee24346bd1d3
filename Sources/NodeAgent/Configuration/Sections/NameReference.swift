import Proxy

/// A name that a line refers to.
struct NameReference: Equatable, Sendable {
    let name: String
    /// The line's keyword.
    let keyword: String
    let location: ConfigurationLocation
}
