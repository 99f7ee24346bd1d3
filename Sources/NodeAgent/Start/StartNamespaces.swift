import Glibc
import LinuxIO
import Proxy

/// The network namespaces that a configuration names.
enum StartNamespaces {
    /// Opens the namespaces of all listening sockets and servers. Needs no privilege. Call it before chroot.
    static func open(_ configuration: AgentConfiguration) throws(StartError) -> NetworkNamespaces {
        var namespaces = NetworkNamespaces()
        for (name, location) in uses(in: configuration) {
            do throws(SystemError) { try namespaces.open(name) } catch {
                throw StartError("\(location): 'namespace \(name)': \(problem(with: name, error))")
            }
        }
        return namespaces
    }

    /// Every name with its line. Proxies that are `disabled` use none.
    static func uses(in configuration: AgentConfiguration) -> [(name: String, location: ConfigurationLocation)] {
        let binds = StartSockets.binds(of: configuration).compactMap { bind, _ in bind.namespace.map { ($0, bind.location) } }
        let servers = configuration.backends.filter { !$0.isDisabled }.flatMap(\.servers)
        return binds + servers.compactMap { server in server.namespace.map { ($0, server.location) } }
    }

    private static func problem(with name: String, _ error: SystemError) -> String {
        let path = NetworkNamespaces.path(of: name)
        return switch error.code {
        case ENOENT: "there is no file \(path); create the namespace ('ip netns add \(name)') before the start, or write another name"
        case EINVAL: "\(path) is not a network namespace; remove the file, then create the namespace ('ip netns add \(name)')"
        default: "cannot open \(path) (\(error)); allow the user that starts this process to read it"
        }
    }
}
