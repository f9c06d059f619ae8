using System.Net;
using System.Net.Sockets;
using Gallery.Service.Http;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Connections;

namespace Gallery.Service.Access;

/// <summary>
/// Restricts a service without credentials to this machine. Kestrel offers each address to its transports, the last registered first. This
/// one accepts the addresses that other machines could reach, and refuses to bind them. So it checks every address, whichever setting it is from.
/// </summary>
internal sealed class LoopbackGuard : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public const string InsistSetting = "GALLERY_ALLOW_ANONYMOUS";

    internal static readonly ProblemResult OtherName = new(
        StatusCodes.Status400BadRequest,
        "unknown_host",
        $"Without credentials the service answers only at localhost or an IP address. For other names set {ServiceKeys.Setting} or {TokenIssuer.UrlSetting}.");

    /// <summary>
    /// Middleware of a service without credentials, against DNS rebinding: a web page can make its own host name resolve to this machine. It cannot do
    /// so with an IP address, and it cannot reach a Unix socket. On an address that other machines reach, any name is answered.
    /// </summary>
    public static Task RefuseOtherNamesAsync(HttpContext http, RequestDelegate next) =>
        IsLoopback(http.Connection.LocalIpAddress) && !IsOwnName(http.Request.Host) ? OtherName.ExecuteAsync(http) : next(http);

    /// <summary>Whether a page of another site cannot have this name, because DNS does not resolve it.</summary>
    public static bool IsOwnName(HostString host) =>
        host.Host.Length == 0 || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || host.Host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || IPAddress.TryParse(host.Host, out _);

    /// <param name="address">Null for a Unix socket. A socket for both families has IPv4 addresses as IPv6.</param>
    public static bool IsLoopback(IPAddress? address) => address is not null && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);

    public bool CanBind(EndPoint endpoint) => endpoint switch
    {
        IPEndPoint ip => !IPAddress.IsLoopback(ip.Address),
        UnixDomainSocketEndPoint or NamedPipeEndPoint => false,
        _ => true,
    };

    /// <exception cref="SettingsException">Always, because <see cref="CanBind"/> accepts only what must not be bound.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        throw Refuse($"http://{endpoint}");

    public static SettingsException Refuse(string address) => new(
            $"Without credentials the service may listen on this machine only, and other machines can reach {address}. Set {ServiceKeys.Setting} (\"key NAME\" makes a key) "
            + $"or {TokenIssuer.UrlSetting} (users' tokens), or use --urls http://localhost:9999. {InsistSetting}=true lets anyone call.");
}
