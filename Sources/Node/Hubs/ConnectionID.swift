public import VolaryProtocol

/// Identifies a connection in the cluster. Its text has 32 hexadecimal digits.
public typealias ConnectionID = VolaryProtocol.ConnectionID
