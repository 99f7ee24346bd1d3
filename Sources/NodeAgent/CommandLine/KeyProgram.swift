import Gossip
import LinuxIO
import Seals
import Wire

/// The subcommands `keygen` and `keys`, from their arguments to an exit code.
enum KeyProgram {
    private static let inputBytesMax = 4_096

    /// Runs `tsukada keygen`: prints a new key.
    static func makeKey() -> Int32 {
        var random = SecureRandomGenerator()
        return finish(KeyOutcome(output: Hexadecimal.text(Bytes32(from: &random).bytes) + "\n"))
    }

    /// Runs `tsukada keys`.
    static func run(_ command: KeyCommand, configurations: [String], environment: [String: String]) -> Int32 {
        do throws(StartError) {
            let management = try management(AgentConfiguration.read(configurations, environment: environment))
            let input =
                command == .install ? try StartError.wrapping("stdin: ") { () throws(SystemError) in try Files.read(from: 0, bytesMax: inputBytesMax) } : []
            return finish(management.run(command, input: input))
        } catch {
            return finish(KeyOutcome(errorText: error.description))
        }
    }

    /// Prepares access to the key file of the section `gossip` and to the node.
    static func management(_ configuration: AgentConfiguration) throws(StartError) -> KeyManagement {
        guard let section = configuration.gossip else { throw StartError("no section 'gossip': add the file that contains it with '-f'") }
        guard let path = section.keyFile else {
            throw StartError("\(section.location): section 'gossip \(section.name)' has no 'key-file': nodes on loopback addresses need no keys")
        }
        let client = try RuntimeClient.administrator(of: configuration)
        let seal = try StartError.wrapping("OpenSSL: ") { () throws(SealError) in try OpenSSLSeal() }
        return KeyManagement(file: KeyFile(path: path), node: client, seal: seal)
    }

    private static func finish(_ outcome: KeyOutcome) -> Int32 {
        var errorText = outcome.errorText
        do throws(SystemError) {
            try Files.write(Array(outcome.output.utf8)[...], to: 1)
        } catch {
            errorText = errorText ?? "stdout: \(error)"
        }
        guard let errorText else { return ExitCode.success }
        Terminal.report(.alert, errorText)
        return ExitCode.failure
    }
}
