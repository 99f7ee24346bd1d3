/// HAProxy's exit codes.
enum ExitCode {
    static let success: Int32 = 0
    static let failure: Int32 = 1
}
