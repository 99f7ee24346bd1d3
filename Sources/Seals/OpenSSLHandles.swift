import COpenSSL
import Wire

/// What OpenSSL says of its last failure on this thread, one line; the queue of failures is empty then.
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
    // A copy of OpenSSL's own: the array's place is not promised beyond a call.
    guard let bio = BIO_new(BIO_s_mem()) else { throw .libraryFailed("BIO_new") }
    defer { BIO_free(bio) }
    guard bytes.isEmpty || BIO_write(bio, bytes, Int32(clamping: bytes.count)) == Int32(clamping: bytes.count) else { throw .libraryFailed("BIO_write") }
    return try body(bio)
}

/// What is encrypted is not read. Without this function OpenSSL would ask for a passphrase at the terminal, and wait: PEM comes from servers, too.
func openSSLNoPassphrase(_: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32, _: UnsafeMutableRawPointer?) -> Int32 { -1 }
