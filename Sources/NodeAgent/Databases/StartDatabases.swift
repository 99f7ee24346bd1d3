import Glibc
import LinuxIO
import Proxy
import Seals
import Wire

/// Reads what the `database` sections need of the file system, as who the agent was started, before it gives that away: passwords and certificates.
struct StartDatabases {
    /// Bytes of the longest file of certificates.
    private static let authoritiesBytesMax = 4 << 20

    private let owner: FileOwner

    /// - Parameter owner: whom the process runs as later on: its files are as good as root's.
    init(owner: FileOwner) { self.owner = owner }

    /// The same for a process that takes the place of one that has died: whatever has become of a file meanwhile (somebody is just writing it) must not keep it
    /// from serving. Servers that cannot be asked are checked as without a section, and stay what they were.
    ///
    /// - Parameter tell: takes what is wrong, for each section.
    func openAfterDeath(_ backends: [Backend], tell: (String) -> Void) -> [DatabaseAccess?] {
        backends.map { backend in
            do throws(StartError) {
                return try access(backend)
            } catch {
                tell("\(error); its servers stay what they are, and are not asked until the configuration is read again")
                return nil
            }
        }
    }

    /// How each backend's servers are asked; `nil` where there is no section, or nothing to ask.
    func open(_ backends: [Backend]) throws(StartError) -> [DatabaseAccess?] {
        var accesses: [DatabaseAccess?] = []
        for backend in backends { accesses.append(try access(backend)) }
        return accesses
    }

    private func access(_ backend: Backend) throws(StartError) -> DatabaseAccess? {
        guard let settings = backend.database, !backend.isDisabled else { return nil }
        let place = "\(settings.location): database \(backend.name)"
        let login = DatabaseLogin(user: settings.user, password: try password(settings, place), tls: settings.tls)
        let authorities = try settings.authorityFile.map { path throws(StartError) in
            try bytes(path, max: Self.authoritiesBytesMax, "\(place): ca-file \(path)") { _ in nil }
        }
        do throws(DatabaseCryptographyError) {
            let cryptography = try OpenSSLDatabaseCryptography(authorities: authorities)
            return DatabaseAccess(questions: DatabaseQuestions(settings), login: login, cryptography: cryptography)
        } catch {
            guard case .authoritiesUnusable(let reason) = error, let path = settings.authorityFile else {
                throw StartError("\(place): \(DatabaseError(error))")
            }
            throw StartError("\(place): ca-file \(path): \(reason): it has to hold certificates in PEM ('-----BEGIN CERTIFICATE-----')")
        }
    }

    private func password(_ settings: DatabaseSettings, _ place: String) throws(StartError) -> DatabasePassword {
        var secret: [UInt8] = []
        let subject = "\(place): password-file \(settings.passwordFile ?? "")"
        if let path = settings.passwordFile {
            secret = try bytes(path, max: DatabasePassword.bytesMax + 2, subject) { problem(with: $0, path: path) }
            // An editor ends a line, and the password has none in it.
            if secret.last == UInt8(ascii: "\n") { secret.removeLast() }
            if secret.last == UInt8(ascii: "\r") { secret.removeLast() }
            guard !secret.isEmpty else { throw StartError("\(subject): it is empty: write the password into it, or remove the line") }
            guard !secret.contains(UInt8(ascii: "\n")) else { throw StartError("\(subject): it has more than one line: the password is its only one") }
        }
        guard let password = DatabasePassword(secret) else {
            throw StartError("\(subject): a password has at most \(DatabasePassword.bytesMax) bytes, and no zero byte")
        }
        return password
    }

    /// Why a file must not hold a password; `nil` when it may.
    private func problem(with status: FileStatus, path: String) -> String? {
        if status.owner.user != 0, status.owner.user != owner.user, status.owner.user != geteuid() {
            return "it belongs to user \(status.owner.user), who may change it: give it to root ('chown root \(path)')"
        }
        guard status.permissions & 0o007 == 0 else { return "everybody on this machine may read it: close it with 'chmod 600 \(path)'" }
        return nil
    }

    private func bytes(_ path: String, max bytesMax: Int, _ subject: String, _ problem: (FileStatus) -> String?) throws(StartError) -> [UInt8] {
        let file = try StartError.wrapping("\(subject): ") { () throws(SystemError) in
            // Never waits: a pipe is told by its status.
            let raw = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            guard raw >= 0 else { throw .last("open") }
            return FileDescriptor(owning: raw)
        }
        let status = try StartError.wrapping("\(subject): ") { () throws(SystemError) in try FileStatus(of: file) }
        guard status.isRegular else { throw StartError("\(subject): it is no file") }
        if let problem = problem(status) { throw StartError("\(subject): \(problem)") }
        let bytes = try StartError.wrapping("\(subject): ") { () throws(SystemError) in try Files.read(from: file.raw, bytesMax: bytesMax) }
        guard bytes.count <= bytesMax else { throw StartError("\(subject): it has more than \(bytesMax) bytes") }
        return bytes
    }
}
