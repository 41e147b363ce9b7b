import jakarta.servlet.MultipartConfigElement;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/**
 * Takes the method from a parameter, as Spring's HiddenHttpMethodFilter does, and the value of app
 * from one. It has no reader of JSON.
 *
 * <p>java Readers.java FOLDER HOST:PORT
 */
public class Readers {
    public static void main(String[] args) throws Exception {
        Logger.getLogger("").setLevel(Level.OFF);
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(args[0]);
        Connector connector = new Connector();
        connector.setProperty("address", args[1].split(":")[0]);
        connector.setPort(Integer.parseInt(args[1].split(":")[1]));
        connector.setProperty("maxKeepAliveRequests", "-1");
        connector.setProperty("keepAliveTimeout", "-1");
        tomcat.setConnector(connector);
        Context context = tomcat.addContext("", new File(args[0]).getPath());
        Tomcat.addServlet(context, "form", new Form()).setMultipartConfigElement(new MultipartConfigElement(args[0]));
        context.addServletMappingDecoded("/*", "form");
        tomcat.start();
        tomcat.getServer().await();
    }

    static class Form extends HttpServlet {
        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            if (request.getRequestURI().startsWith("/public/value")) {
                if (request.getMethod().equals("GET")) {
                    response.getWriter().print("read:" + request.getParameter("app") + ":");
                }
                return;
            }
            String method = null;
            try {
                method = request.getParameter("_method");
            } catch (IllegalStateException e) { // a form that it can't read
            }
            response.getWriter().print("read:" + (method == null || method.isEmpty() ? request.getMethod() : method) + ":");
        }
    }
}
