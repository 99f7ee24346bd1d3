import Wire

/// How an operator's word for the whole cluster is meant.
struct ClusterSpread: Equatable, Sendable {
    /// After which it counts as ready again; `nil` for never.
    var duration: Duration?
    /// Whether the last usable server may go.
    var isForced = false
}

/// What an operator does to the ring of this node.
enum KeyChange: Equatable, Sendable, CustomStringConvertible {
    /// Receive with this key from now on.
    case install(Bytes32)
    /// Send with the key of this id.
    case use(UInt32)
    /// Give the key of this id up.
    case remove(UInt32)

    /// What has been done, for the log; never the key.
    var description: String {
        switch self {
        case .install: "a key was installed"
        case .use(let id): "key \(Hexadecimal.text(id, digits: 8)) is sent with"
        case .remove(let id): "key \(Hexadecimal.text(id, digits: 8)) was removed"
        }
    }
}
