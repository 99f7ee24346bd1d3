import LinuxIO
import Proxy

/// Why the agent cannot start: a sentence with the place, the problem and the remedy.
struct StartError: Error, Equatable, CustomStringConvertible {
    /// The sentence.
    let description: String

    /// Creates an error from its sentence.
    init(_ description: String) { self.description = description }

    /// Runs `body`, and converts its error to a `StartError` that begins with `context`.
    static func wrapping<Result: ~Copyable, Failure: Error>(_ context: String = "", _ body: () throws(Failure) -> Result) throws(StartError) -> Result {
        do throws(Failure) { return try body() } catch { throw StartError(context + "\(error)") }
    }
}
