import LinuxIO
import Proxy

/// Why the agent cannot start: a sentence that says where, what and how to mend it.
struct StartError: Error, Equatable, CustomStringConvertible {
    /// The sentence.
    let description: String

    /// A reason in words.
    init(_ description: String) { self.description = description }

    /// Runs `body`, and tells its error as a `StartError`, after `context`.
    static func wrapping<Result: ~Copyable, Failure: Error>(_ context: String = "", _ body: () throws(Failure) -> Result) throws(StartError) -> Result {
        do throws(Failure) { return try body() } catch { throw StartError(context + "\(error)") }
    }
}
