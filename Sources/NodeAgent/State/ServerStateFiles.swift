import Glibc
import LinuxIO
import Proxy

/// The state files of a configuration's servers. A missing or malformed file does not prevent the start; only its content is lost.
///
/// The files are opened and read before chroot, but parsed only after privileges are dropped.
struct ServerStateFiles {
    private let global: GlobalSettings
    private let report: (DiagnosticSeverity, String) -> Void
    /// By file name as configured.
    private var contents: [String: [UInt8]] = [:]

    /// Reads the files that `backends` name; `report` gets a sentence for each unusable one.
    init(_ global: GlobalSettings, _ backends: [Backend], report: @escaping (DiagnosticSeverity, String) -> Void) {
        (self.global, self.report) = (global, report)
        var seen: Set<String> = []
        for name in backends.compactMap(name) where seen.insert(name).inserted { contents[name] = read(path(name)) }
    }

    /// The states of the servers of `backends`, as far as the backends use a state file.
    func memories(_ backends: [Backend]) -> [ServerName: ServerMemory] {
        var memories: [ServerName: ServerMemory] = [:]
        var known: [String: [ServerName: ServerMemory]] = [:]
        for backend in backends {
            guard let name = name(of: backend) else { continue }
            let memory = known[name] ?? parse(name)
            known[name] = memory
            memories.merge(memory.filter { $0.key.backend == backend.name }) { first, _ in first }
        }
        return memories
    }

    private func name(of backend: Backend) -> String? {
        switch backend.stateSource {
        case .none: nil
        case .local: backend.stateFileName ?? backend.name
        case .global: global.stateFile
        }
    }

    private func path(_ name: String) -> String { name.hasPrefix("/") ? name : global.stateFolder.map { "\($0)/\(name)" } ?? name }

    private func read(_ path: String) -> [UInt8]? {
        do throws(FileError) {
            return try Files.read(path, bytesMax: ServerStateText.bytesMax)
        } catch {
            report(error.isMissing ? .notice : .warning, "server state file '\(path)': \(error); servers start without saved state")
            return nil
        }
    }

    private func parse(_ name: String) -> [ServerName: ServerMemory] {
        guard let bytes = contents[name] else { return [:] }
        do throws(ServerStateText.FormatError) {
            return try ServerStateText.read(bytes)
        } catch {
            report(.warning, "server state file '\(path(name))', \(error); servers start without saved state")
            return [:]
        }
    }
}
