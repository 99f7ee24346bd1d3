import Glibc
import Gossip
import LinuxIO
import Wire

/// The file with a node's ring keys. It is read only if other users cannot read or write it, and replaced as a whole.
struct KeyFile {
    /// The configuration's `key-file`.
    let path: String

    /// Reads and checks the file. Never blocks, and never reads more than a key file can contain.
    func read(_ seal: any Seal) throws(KeyFileError) -> KeyFileText {
        let file = try wrapping { () throws(SystemError) in try Files.open(path) }
        let status = try wrapping { () throws(SystemError) in try FileStatus(of: file) }
        if let problem = Self.problem(with: status, user: geteuid()) { throw KeyFileError(path: path, problem: problem) }
        let bytes = try wrapping { () throws(SystemError) in try Files.read(from: file.raw, bytesMax: KeyFileText.bytesMax) }
        return try KeyFileText(bytes, path: path, seal: seal)
    }

    /// What is wrong with the file's owner, type or permissions; `nil` if nothing is.
    ///
    /// - Parameter user: the effective user of the process.
    static func problem(with status: FileStatus, user: UInt32) -> KeyFileError.Problem? {
        guard status.isRegular else { return .notRegular }
        guard status.owner.user == 0 || status.owner.user == user else { return .foreignOwner(status.owner.user) }
        return status.permissions & 0o077 == 0 ? nil : .openToOthers(permissions: status.permissions)
    }

    /// Writes the next version to the disk, with mode 0600 and the owner of the present file, which stays unchanged. If the path is a symbolic link, the
    /// next version is for the link's target.
    func stage(_ text: KeyFileText) throws(KeyFileError) -> StagedKeyFile {
        try wrapping { () throws(SystemError) in
            guard let resolved = realpath(path, nil) else { throw .last("realpath") }
            defer { free(resolved) }
            let path = String(cString: resolved)
            let folder = try Folder(containing: path)
            let name = path.split(separator: "/").last.map(String.init) ?? ""
            let present = try folder.open(name)
            let owner = try FileStatus(of: present).owner
            try folder.stage(name, text.bytes, permissions: 0o600, owner: owner)
            return StagedKeyFile(folder: folder, name: name)
        }
    }

    /// Locks the folder, so that no other process changes the file between reading and replacing it. The lock ends with the returned folder.
    func lock() throws(KeyFileError) -> Folder {
        try wrapping { () throws(SystemError) in
            let folder = try Folder(containing: path)
            try folder.lock()
            return folder
        }
    }

    private func wrapping<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(KeyFileError) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            throw KeyFileError(path: path, problem: .system(error))
        }
    }
}

/// The next version of a key file, on the disk beside it. It is deleted unless it is published.
struct StagedKeyFile: ~Copyable {
    private let folder: Folder
    private let name: String

    fileprivate init(folder: consuming Folder, name: String) {
        self.folder = folder
        self.name = name
    }

    deinit { folder.discard(name) }

    /// Replaces the key file.
    borrowing func publish() throws(SystemError) { try folder.publish(name) }
}
