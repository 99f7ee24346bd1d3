import LinuxIO
import Proxy
import Wire

/// The folders that a start needs and does not create. `-c` only warns of a missing one, because it may be created before the start, for example by
/// systemd's `RuntimeDirectory`.
struct StartFolders {
    /// For each missing folder: the line's location and text, and advice.
    let missing: [String]

    /// Finds the missing folders of `configuration`. `pidFile` comes from the command line and takes precedence.
    init(_ configuration: AgentConfiguration, pidFile: String? = nil) {
        let global = configuration.global
        var needed: [(folder: String, words: String)] = []
        if let chroot = global.chroot { needed.append((chroot, "global: 'chroot \(chroot)'")) }
        if let file = pidFile ?? global.pidFile { needed.append((Self.folder(of: file), "global: 'pidfile \(file)'")) }
        for socket in global.statsSockets {
            guard case .unix(let path) = socket.endpoint, !SocketAddress.isAbstract(path) else { continue }
            needed.append((Self.folder(of: path), "\(socket.location): 'stats socket \(path)'"))
        }
        for bind in configuration.frontends.lazy.filter({ !$0.isDisabled }).flatMap(\.binds) {
            guard case .unix(let path) = bind.endpoint, !SocketAddress.isAbstract(path) else { continue }
            needed.append((Self.folder(of: path), "\(bind.location): 'bind \(path)'"))
        }
        missing = needed.filter { !Files.isFolder($0.folder) }.map { "\($0.words): folder \($0.folder) does not exist; create it before the start" }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
