import Foundation

/// A certificate authority for servers, made with the openssl program in a separate folder.
package struct CertificateAuthority: Sendable {
    /// The path of its certificate, PEM.
    package let certificate: String
    private let folder: String
    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

    /// - Parameter folder: the folder for its files, which is created.
    package init(in folder: String, name: String = "test authority") throws {
        self.folder = folder
        certificate = "\(folder)/ca.pem"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try ChildProcess.demand(
            ["openssl", "req", "-x509"] + Self.newKey + ["-keyout", "\(folder)/ca.key", "-out", certificate, "-days", "30", "-subj", "/CN=\(name)"])
    }

    /// Signs a certificate.
    ///
    /// - Parameters:
    ///   - names: the subject alternative names: "DNS:db01,IP:127.0.0.1".
    ///   - days: the days of validity; a negative number gives an expired certificate.
    /// - Returns: the paths of the PEM files of certificate and key.
    package func sign(_ name: String, names: String, days: Int = 30) throws -> (certificate: String, key: String) {
        let file = "\(folder)/\(name)"
        try "subjectAltName=\(names)\n".write(toFile: "\(file).ext", atomically: false, encoding: .utf8)
        try ChildProcess.demand(["openssl", "req", "-new"] + Self.newKey + ["-keyout", "\(file).key", "-out", "\(file).csr", "-subj", "/CN=\(name)"])
        try ChildProcess.demand(
            [
                "openssl", "x509", "-req", "-in", "\(file).csr", "-CA", certificate, "-CAkey", "\(folder)/ca.key", "-CAcreateserial", "-days", "\(days)",
                "-extfile", "\(file).ext", "-out", "\(file).pem",
            ])
        return ("\(file).pem", "\(file).key")
    }
}
