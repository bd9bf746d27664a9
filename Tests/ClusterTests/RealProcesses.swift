import Testing

/// Everything that starts `volary`: one test at a time, so that the nodes of one have the machine's cores to themselves.
@Suite(.serialized)
enum RealProcesses {}
