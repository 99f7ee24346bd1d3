import Proxy

/// A text, and its line in the configuration.
struct LocatedText: Equatable, Sendable {
    var text: String
    var location: ConfigurationLocation
}
