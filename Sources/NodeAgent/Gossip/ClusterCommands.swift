import Wire

/// The options of an operator's command for the whole cluster.
struct ClusterCommandOptions: Equatable, Sendable {
    /// The time after which the server counts as ready again; `nil` for no limit.
    var duration: Duration?
    /// Whether the command may take the last usable server out.
    var isForced = false
}

/// An operator's change to the key ring of this node.
enum KeyChange: Equatable, Sendable, CustomStringConvertible {
    /// Start to accept this key.
    case install(Bytes32)
    /// Send with the key of this identifier.
    case use(UInt32)
    /// Remove the key of this identifier.
    case remove(UInt32)

    /// The completed change, for the log. Never contains a key.
    var description: String {
        switch self {
        case .install: "a key was installed"
        case .use(let id): "now sending with key \(Hexadecimal.text(id, digits: 8))"
        case .remove(let id): "key \(Hexadecimal.text(id, digits: 8)) was removed"
        }
    }
}
