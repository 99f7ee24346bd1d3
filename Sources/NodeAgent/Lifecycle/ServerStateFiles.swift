import Glibc
import LinuxIO
import Proxy

/// What the state files of a configuration say of its servers. A file that is missing or wrong costs what it says, not the start.
struct ServerStateFiles {
    private let global: GlobalSettings
    private let tell: (DiagnosticSeverity, String) -> Void

    /// For `global`'s files; `tell` gets a sentence for each that cannot be used.
    init(_ global: GlobalSettings, tell: @escaping (DiagnosticSeverity, String) -> Void) { (self.global, self.tell) = (global, tell) }

    /// By backend and server, of the backends that want it.
    func memories(_ backends: [Backend]) -> [RuntimeServerName: ServerMemory] {
        var memories: [RuntimeServerName: ServerMemory] = [:]
        var shared: [RuntimeServerName: ServerMemory]?
        for backend in backends {
            let known: [RuntimeServerName: ServerMemory]
            switch backend.stateSource {
            case .none: continue
            case .local: known = read(backend.stateFileName ?? backend.name)
            case .global:
                known = shared ?? global.stateFile.map { read($0) } ?? [:]
                shared = known
            }
            memories.merge(known.filter { $0.key.backend == backend.name }) { first, _ in first }
        }
        return memories
    }

    private func read(_ name: String) -> [RuntimeServerName: ServerMemory] {
        let path = name.hasPrefix("/") ? name : global.stateFolder.map { "\($0)/\(name)" } ?? name
        var status = stat()
        guard stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
            tell(.warning, "server state file '\(path)': it is no regular file; the servers start as if nothing were known of them")
            return [:]
        }
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Files.read(path, bytesMax: ServerStateText.bytesMax)
        } catch {
            tell(error.isMissing ? .notice : .warning, "server state file '\(path)': \(error); the servers start as if nothing were known of them")
            return [:]
        }
        guard bytes.count <= ServerStateText.bytesMax else {
            tell(.warning, "server state file '\(path)': it is over \(ServerStateText.bytesMax) bytes; the servers start as if nothing were known of them")
            return [:]
        }
        do throws(ServerStateText.FormatError) {
            return try ServerStateText.read(String(decoding: bytes, as: UTF8.self))
        } catch {
            tell(.warning, "server state file '\(path)', \(error); the servers start as if nothing were known of them")
            return [:]
        }
    }
}
