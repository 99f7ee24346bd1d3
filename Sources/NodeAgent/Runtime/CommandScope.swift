import Wire

/// The nodes that a command is for: the words `on node` or `on cluster [for TIME] [force]` after the command.
enum CommandScope: Equatable, Sendable {
    /// The default, set by the section's `admin-scope`.
    case standard
    /// This node.
    case node
    /// All nodes of the cluster.
    case cluster(ClusterCommandOptions)

    /// Parses the words. No words, or unrelated ones, are HAProxy's form of the command, which ignores further words.
    ///
    /// - Throws: a usage sentence for incomplete words: a command meant for all nodes, or for a limited time, must not run on this node without a limit.
    static func parse(_ words: some Collection<String>) throws(RuntimeTargetError) -> CommandScope {
        var words = Array(words)[...]
        switch words.popFirst() {
        case "on": break
        case "node", "cluster", "for", "force": throw .refused(usage)
        default: return .standard
        }
        switch words.popFirst() {
        case "node" where words.isEmpty: return .node
        case "cluster": return .cluster(try ClusterCommandOptions.parse(words))
        default: throw .refused(usage)
        }
    }

    fileprivate static let usage = "Require 'on node' or 'on cluster [for <time>] [force]'."
}

extension ClusterCommandOptions {
    fileprivate static func parse(_ words: ArraySlice<String>) throws(RuntimeTargetError) -> ClusterCommandOptions {
        var (words, options) = (words, ClusterCommandOptions())
        while let word = words.popFirst() {
            switch word {
            case "force":
                options.isForced = true
            case "for" where options.duration == nil:
                guard let time = words.popFirst().flatMap({ ConfigurationValue.time($0, standard: "s") }), time > .zero else {
                    throw .refused("'for' expects a time up to 24d, such as 10m.")
                }
                options.duration = time
            default:
                throw .refused(CommandScope.usage)
            }
        }
        return options
    }
}
