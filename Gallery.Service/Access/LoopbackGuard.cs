using System.Net;
using System.Net.Sockets;
using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Connections;

namespace Gallery.Service.Access;

/// <summary>
/// Keeps a service that asks for no credentials to this machine. Kestrel asks its transports who binds an endpoint, the last registered
/// first: this one takes those that others could reach, and refuses them. So it sees what is really bound, whatever setting said so, and
/// before it is.
/// </summary>
internal sealed class LoopbackGuard : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public const string InsistSetting = "GALLERY_ALLOW_ANONYMOUS";

    internal static readonly ProblemResult OtherName = new(
        StatusCodes.Status400BadRequest,
        "unknown_host",
        $"This service asks for no credentials, and so answers to this machine's own names alone: ask it at localhost, or at its address. To have it under another name, set {ServiceKeys.Setting} or {TokenIssuer.UrlSetting}.");

    /// <summary>
    /// Middleware against DNS rebinding: a web page whose own name is made to mean this machine would be of the service's own origin.
    /// An address is nobody's name, and a Unix socket is out of a page's reach.
    /// </summary>
    public static Task RefuseOtherNamesAsync(HttpContext http, RequestDelegate next)
    {
        var host = http.Request.Host.Host;
        return host.Length == 0 || host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host, out _)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase) || http.Connection.RemoteIpAddress is null
                ? next(http)
                : OtherName.ExecuteAsync(http);
    }

    public bool CanBind(EndPoint endpoint) => endpoint switch
    {
        IPEndPoint ip => !IPAddress.IsLoopback(ip.Address),
        UnixDomainSocketEndPoint or NamedPipeEndPoint => false,
        _ => true,
    };

    /// <exception cref="SettingsException">Always: nothing comes here but what may not be bound.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        throw Refuse($"http://{endpoint}");

    public static SettingsException Refuse(string address) => new(
            $"Without credentials the service listens on this machine alone, and {address} can be reached from others. Set {ServiceKeys.Setting} (\"key NAME\" makes a key) "
            + $"or {TokenIssuer.UrlSetting} (users' tokens), or listen on --urls http://localhost:9999; {InsistSetting}=true serves whoever can reach it.");
}
