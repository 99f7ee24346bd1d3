import COpenSSL
import Wire

/// Returns OpenSSL's text for the latest failure on this thread in one line, or `function` without one. Clears the error queue.
func openSSLReason(_ function: String) -> String {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0, let reason = ERR_reason_error_string(code) else { return function }
    return String(cString: reason)
}

/// Runs `body` with a BIO that reads `bytes`.
func withOpenSSLBytes<Result>(
    _ bytes: [UInt8], _ body: (OpaquePointer) throws(DatabaseCryptographyError) -> Result
) throws(DatabaseCryptographyError) -> Result {
    // OpenSSL copies the bytes, because the array's address is valid only during a call.
    guard let bio = BIO_new(BIO_s_mem()) else { throw .libraryFailed("BIO_new") }
    defer { BIO_free(bio) }
    guard bytes.isEmpty || BIO_write(bio, bytes, Int32(clamping: bytes.count)) == Int32(clamping: bytes.count) else { throw .libraryFailed("BIO_write") }
    return try body(bio)
}

/// Rejects encrypted PEM. Without this function OpenSSL would ask for a passphrase at the terminal and wait, even for PEM that a server has sent.
func openSSLNoPassphrase(_: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?) -> Int32 { -1 }
