import LinuxIO
import Proxy

/// A file in a `state-dir` that stores one content for the next process: `KIND-NODE.state`.
///
/// The folder is opened before chroot, so that the file can be loaded afterwards. Only one thread may save the file during the life of the process.
final class StateStore<Content: StateContent> {
    private let folder: StateFolder
    private let name: String
    private let node: String
    private var isFailing = false

    /// Opens the folder at `path`.
    ///
    /// - Parameters:
    ///   - node: this node's name.
    ///   - owner: the user that saves the file after privileges are dropped.
    /// - Throws: if the folder does not exist, `owner` cannot write to it, or every user can.
    init(path: String, node: String, owner: FileOwner) throws(StartError) {
        folder = try StateFolder(path, owner: owner)
        self.node = node
        name = "\(Content.kind)-\(StateText.name(of: node)).state"
    }

    /// Loads the last saved content; `nil` if there is none. A file that is damaged or belongs to another node is renamed to a name that ends in ".bad".
    ///
    /// - Returns: also a sentence for the operator if a file exists and cannot be used.
    func load() -> (content: Content?, warning: String?) {
        let file = "\(folder.path)/\(name)"
        do throws(FileError) {
            if let content = Content(try folder.files.read(name, bytesMax: StateText.bytesMax), node: node) { return (content, nil) }
        } catch {
            switch error {
            case .system(let error) where error.isMissing: return (nil, nil)
            case .system(let error): return (nil, "\(file): \(error); \(Content.loss)")
            case .notRegular, .tooLong: break
            }
        }
        do throws(SystemError) {
            try folder.files.rename(name, to: name + ".bad")
            return (nil, "\(file) is damaged or belongs to another node; renamed to \(name).bad; \(Content.loss)")
        } catch {
            return (nil, "\(file) is damaged or belongs to another node; cannot rename it: \(error); \(Content.loss)")
        }
    }

    /// Writes `content` to the disk, readable by its owner only. If that fails, the last saved content stays intact.
    ///
    /// - Parameter log: gets a sentence for the first failure, and for the first success after it.
    /// - Returns: whether it succeeded.
    func save(_ content: Content, log: (LogLevel, String) -> Void) -> Bool {
        let wasFailing = isFailing
        do throws(SystemError) {
            try write(content.bytes(node: node))
            isFailing = false
            if wasFailing { log(.notice, Content.recovery) }
        } catch {
            isFailing = true
            if !wasFailing { log(.error, Content.failure(error)) }
        }
        return !isFailing
    }

    private func write(_ bytes: [UInt8]) throws(SystemError) {
        try folder.files.stage(name, bytes, permissions: 0o600)
        do throws(SystemError) {
            try folder.files.publish(name)
        } catch {
            folder.files.discard(name)
            throw error
        }
    }
}

/// The folder that `state-dir` names.
final class StateFolder: Sendable {
    /// The path as configured.
    let path: String
    /// The folder, open.
    let files: Folder

    /// Opens the folder at `path`.
    ///
    /// - Parameter owner: the user that writes to the folder after privileges are dropped.
    /// - Throws: if the folder does not exist, `owner` cannot write to it, or every user can.
    init(_ path: String, owner: FileOwner) throws(StartError) {
        self.path = path
        do throws(SystemError) {
            files = try Folder(path)
        } catch  where error.isMissing {
            throw StartError("'state-dir \(path)': no such directory; run 'install -d -m 700 -o \(owner.user) -g \(owner.group) \(path)'")
        } catch {
            throw StartError("'state-dir \(path)': \(error)")
        }
        let status = try StartError.wrapping("'state-dir \(path)': ") { () throws(SystemError) in try files.status() }
        if let problem = Self.problem(with: status, owner: owner) { throw StartError("'state-dir \(path)': \(problem) \(path)'") }
    }

    /// Why `owner` cannot safely write to a folder, as a sentence that lacks the folder's path at its end; `nil` if it can.
    static func problem(with status: FileStatus, owner: FileOwner) -> String? {
        if status.permissions & 0o002 != 0 { return "all users can write to it and so decide which servers are used; run 'chmod o-w" }
        // This applies to root as well, which has dropped the capability to write to files of other users.
        let isWritable =
            if status.owner.user == owner.user { status.permissions & 0o300 == 0o300 } else {
                status.owner.group == owner.group && status.permissions & 0o030 == 0o030
            }
        return isWritable ? nil : "the node runs as user \(owner.user), who cannot write to it; run 'chown \(owner.user)"
    }
}
