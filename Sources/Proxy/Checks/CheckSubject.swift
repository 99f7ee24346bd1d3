/// What the script of a check may ask about the checked server and this host. The functions are called while the check runs.
package struct CheckSubject {
    /// The server's name.
    package var serverName = ""
    /// The name of the server's proxy.
    package var backendName = ""
    /// Returns the time in seconds since 1970.
    package var unixSeconds: () -> Int64 = { 0 }
    /// Returns how this node sees the server: "UP 2/3; address=10.0.0.1; ...".
    package var stateText: () -> String = { "" }
    /// Returns whether the server is down.
    package var isDown: () -> Bool = { false }

    /// The most bytes of an answer and of a message, as `tune.bufsize` says; at most `CheckScript.bytesMax`. Further bytes of an answer are
    /// ignored until the next step that sends or connects.
    package var bytesMax = Tuning.bufferBytesStandard

    /// Creates a subject without a name.
    package init() {}
}
