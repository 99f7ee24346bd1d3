import COpenSSL
import Wire

/// The state that all TLS streams to a group of servers share.
final class TLSContext {
    let context: OpaquePointer
    /// True when certificates are verified.
    let isVerifying: Bool

    /// - Parameter authorities: PEM; `nil` for no verification of certificates.
    init(authorities: [UInt8]?) throws(DatabaseCryptographyError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .libraryFailed(openSSLReason("SSL_CTX_new")) }
        self.context = context
        isVerifying = authorities != nil
        guard SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil) == 1 else {
            throw .libraryFailed(openSSLReason("SSL_CTX_set_min_proto_version"))
        }
        // No session resumption and no renegotiation.
        _ = SSL_CTX_set_options(context, tls_stream_options)
        _ = SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        // The handshake succeeds with any certificate, and `certificateProblem` reports a bad one. The session can then end with a login packet, so that the
        // server does not count an aborted handshake.
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        if let authorities { try add(authorities) }
    }

    deinit { SSL_CTX_free(context) }

    private func add(_ authorities: [UInt8]) throws(DatabaseCryptographyError) {
        let store = SSL_CTX_get_cert_store(context)
        let count = try withOpenSSLBytes(authorities) { bio throws(DatabaseCryptographyError) in
            var count = 0
            while let certificate = PEM_read_bio_X509(bio, nil, openSSLNoPassphrase, nil) {
                defer { X509_free(certificate) }
                guard X509_STORE_add_cert(store, certificate) == 1 else { throw .authoritiesUnusable(openSSLReason("X509_STORE_add_cert")) }
                count += 1
            }
            // The end of the file appears as an error: no further line begins a certificate.
            let code = ERR_peek_last_error()
            guard ERR_GET_LIB(code) == ERR_LIB_PEM, ERR_GET_REASON(code) == PEM_R_NO_START_LINE else {
                throw .authoritiesUnusable(openSSLReason("PEM_read_bio_X509"))
            }
            ERR_clear_error()
            return count
        }
        guard count > 0 else { throw .authoritiesUnusable("no certificate in it") }
    }
}

/// The client's side of a TLS stream with memory BIOs.
final class OpenSSLTLSStream: TLSStream {
    /// The size of the read buffer, in bytes.
    private static let chunkBytes = 16_384

    private let context: TLSContext
    private let ssl: OpaquePointer
    /// `ssl` owns both BIOs.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    private(set) var isEstablished = false

    init(_ context: TLSContext, name: String?) throws(DatabaseCryptographyError) {
        guard let ssl = SSL_new(context.context) else { throw .libraryFailed(openSSLReason("SSL_new")) }
        guard let incoming = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            throw .libraryFailed("BIO_new")
        }
        guard let outgoing = BIO_new(BIO_s_mem()) else {
            BIO_free(incoming)
            SSL_free(ssl)
            throw .libraryFailed("BIO_new")
        }
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_connect_state(ssl)
        (self.context, self.ssl, self.incoming, self.outgoing) = (context, ssl, incoming, outgoing)
        if let name { try demand(name) }
    }

    deinit { SSL_free(ssl) }

    /// Requires a certificate for `name`. A host name is also sent to the server (SNI).
    private func demand(_ name: String) throws(DatabaseCryptographyError) {
        let parameters = SSL_get0_param(ssl)
        if IPAddress(name) != nil {
            guard X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 else { throw .libraryFailed(openSSLReason("X509_VERIFY_PARAM_set1_ip_asc")) }
            return
        }
        guard X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 else { throw .libraryFailed(openSSLReason("X509_VERIFY_PARAM_set1_host")) }
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        var text = Array(name.utf8CString)
        let isSet = text.withUnsafeMutableBytes {
            SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), $0.baseAddress)
        }
        guard isSet == 1 else { throw .libraryFailed(openSSLReason("SSL_set_tlsext_host_name")) }
    }

    var certificateProblem: String? {
        guard isEstablished, context.isVerifying else { return nil }
        let code = SSL_get_verify_result(ssl)
        guard code == Int(X509_V_OK), SSL_get0_peer_certificate(ssl) != nil else {
            return code == Int(X509_V_OK) ? "none was sent" : String(cString: X509_verify_cert_error_string(code))
        }
        return nil
    }

    func receive(_ sealed: [UInt8]) throws(DatabaseCryptographyError) -> TLSOutput {
        if !sealed.isEmpty {
            guard BIO_write(incoming, sealed, Int32(clamping: sealed.count)) == sealed.count else { throw .libraryFailed("BIO_write") }
        }
        ERR_clear_error()
        if !isEstablished {
            let result = SSL_do_handshake(ssl)
            if result == 1 {
                isEstablished = true
            } else {
                try throwUnlessWaiting(result, "SSL_do_handshake")
            }
        }
        var clear: [UInt8] = []
        if isEstablished {
            var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
            while true {
                let count = SSL_read(ssl, &chunk, Int32(chunk.count))
                guard count > 0 else {
                    try throwUnlessWaiting(count, "SSL_read")
                    break
                }
                clear += chunk.prefix(Int(count))
            }
        }
        return TLSOutput(clear: clear, sealed: drainOutgoing())
    }

    func seal(_ clear: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] {
        precondition(isEstablished, "nothing can be sealed before the handshake is done")
        ERR_clear_error()
        let count = SSL_write(ssl, clear, Int32(clamping: clear.count))
        guard count == clear.count else { throw .tlsFailed(openSSLReason("SSL_write")) }
        return drainOutgoing()
    }

    /// Throws unless the library only needs more bytes or the peer has closed the stream in order.
    private func throwUnlessWaiting(_ result: Int32, _ function: String) throws(DatabaseCryptographyError) {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN: return
        default: throw .tlsFailed(openSSLReason(function))
        }
    }

    private func drainOutgoing() -> [UInt8] {
        let pending = BIO_ctrl_pending(outgoing)
        guard pending > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: pending)
        let count = BIO_read(outgoing, &bytes, Int32(clamping: pending))
        return Array(bytes.prefix(Int(max(0, count))))
    }
}
