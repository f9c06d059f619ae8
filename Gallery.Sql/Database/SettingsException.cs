namespace Gallery.Sql.Database;

/// <summary>
/// A setting cannot be used. The message is one line. It names the setting and the cure. It does not repeat the value, because that may be a secret under
/// the wrong name. Folders of the private PostgreSQL are shown.
/// </summary>
public sealed class SettingsException(string message) : Exception(message);
