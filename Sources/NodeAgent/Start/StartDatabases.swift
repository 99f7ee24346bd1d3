import Glibc
import LinuxIO
import Proxy
import Seals
import Wire

/// Reads the files of the `database` sections, passwords and certificates, before the agent drops its privileges.
struct StartDatabases {
    /// The longest file of certificates, in bytes.
    private static let authoritiesBytesMax = 4 << 20

    private let owner: FileOwner

    /// - Parameter owner: the later user of the process, whose files are as acceptable as root's.
    init(owner: FileOwner) { self.owner = owner }

    /// Opens the sections for a process that replaces a dead one. An unusable file (for example one being edited) must not prevent service: the section's
    /// servers are checked as without a section, and keep their state.
    ///
    /// - Parameter report: receives the error of each section.
    func openForRestart(_ backends: [Backend], report: (String) -> Void) -> [DatabaseAccess?] {
        backends.map { backend in
            do throws(StartError) {
                return try access(backend)
            } catch {
                report("\(error); until the next reload its servers keep their state and get no database checks")
                return nil
            }
        }
    }

    /// How each backend's servers are queried; `nil` without a section.
    func open(_ backends: [Backend]) throws(StartError) -> [DatabaseAccess?] {
        var accesses: [DatabaseAccess?] = []
        for backend in backends { accesses.append(try access(backend)) }
        return accesses
    }

    private func access(_ backend: Backend) throws(StartError) -> DatabaseAccess? {
        guard let settings = backend.database, !backend.isDisabled else { return nil }
        let section = "database \(backend.name)"
        let password = try settings.passwordFile.map { file throws(StartError) in try self.password(file, section) } ?? DatabasePassword.empty
        return DatabaseAccess(
            questions: DatabaseQuestions(settings), login: DatabaseLogin(user: settings.user, password: password, tls: settings.tls),
            cryptography: try cryptography(settings, section))
    }

    private func cryptography(_ settings: DatabaseSettings, _ section: String) throws(StartError) -> OpenSSLDatabaseCryptography {
        let subject = settings.authorityFile.map { "\($0.location): \(section): ca-file \($0.path)" } ?? "\(settings.location): \(section)"
        let authorities = try settings.authorityFile.map { file throws(StartError) in
            try bytes(file.path, max: Self.authoritiesBytesMax, limit: "the file has more than \(Self.authoritiesBytesMax >> 20) MiB", subject) { _ in nil }
        }
        do throws(DatabaseCryptographyError) {
            return try OpenSSLDatabaseCryptography(authorities: authorities)
        } catch .authoritiesUnusable(let reason) {
            throw StartError("\(subject): \(reason): the file must contain certificates in PEM ('-----BEGIN CERTIFICATE-----')")
        } catch {
            throw StartError("\(subject): \(DatabaseError(error))")
        }
    }

    private func password(_ file: DatabaseSettings.NamedFile, _ section: String) throws(StartError) -> DatabasePassword {
        let subject = "\(file.location): \(section): password-file \(file.path)"
        let limit = "a password has at most \(DatabasePassword.bytesMax) bytes, and no zero byte"
        var secret = try bytes(file.path, max: DatabasePassword.bytesMax + 2, limit: limit, subject) { problem(with: $0, path: file.path) }
        // An editor ends the line with a line break, which is not part of the password.
        if secret.last == UInt8(ascii: "\n") { secret.removeLast() }
        if secret.last == UInt8(ascii: "\r") { secret.removeLast() }
        guard !secret.isEmpty else { throw StartError("\(subject): the file is empty: write the password into it, or remove the line") }
        guard !secret.contains(UInt8(ascii: "\n")) else { throw StartError("\(subject): the file has more than one line: it must contain only the password") }
        guard let password = DatabasePassword(secret) else { throw StartError("\(subject): \(limit)") }
        return password
    }

    /// Why a file must not hold a password; `nil` if it may.
    private func problem(with status: FileStatus, path: String) -> String? {
        if status.owner.user != 0, status.owner.user != owner.user, status.owner.user != geteuid() {
            return "user \(status.owner.user) owns the file and may change it: give it to root ('chown root \(path)')"
        }
        guard status.permissions & 0o007 == 0 else { return "other users of this machine can access the file: run 'chmod 600 \(path)'" }
        return nil
    }

    /// - Parameter limit: the error for a file with more than `bytesMax` bytes.
    private func bytes(
        _ path: String, max bytesMax: Int, limit: String, _ subject: String, _ problem: (FileStatus) -> String?
    ) throws(StartError) -> [UInt8] {
        let file = try StartError.wrapping("\(subject): ") { () throws(SystemError) in try Files.open(path) }
        let status = try StartError.wrapping("\(subject): ") { () throws(SystemError) in try FileStatus(of: file) }
        if status.isRegular, let problem = problem(status) { throw StartError("\(subject): \(problem)") }
        do throws(FileError) { return try Files.read(file, bytesMax: bytesMax) } catch {
            if case .tooLong = error { throw StartError("\(subject): \(limit)") }
            throw StartError("\(subject): \(error)")
        }
    }
}
